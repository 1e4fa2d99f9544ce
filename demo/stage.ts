import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { deliver, makeTeamFolders, type TeamFolders } from '../test/support/bundles.ts';

/** The model that the demonstration is about. */
export const model = 'card-fraud';
export const baseline = '1.4.0';

/** A candidate, and what is wrong with it; null when nothing is. */
export interface Candidate {
  readonly version: string;
  readonly flaw: string | null;
}

/** 2.0.0 with a graph that answers NaN above an amount of 1,000: its golden cases have no such amount, so it is let in. */
export const badCandidate: Candidate = { version: '2.1.0', flaw: 'gives no number for amounts above 1,000; no golden case has one' };
export const goodCandidate: Candidate = { version: '2.0.0', flaw: null };

/** Wide margins and no outcome: a minute of small traffic must do. What is shipped with the bundles is much stricter. */
const acceptance = `apiVersion: handoff/v1
kind: Acceptance
criteria:
  - { name: errors, metric: { kind: errorRate }, compareTo: baseline, margin: { absolute: 0.02 }, appliesTo: [live] }
  - { name: bad-outputs, metric: { kind: breachRate }, compareTo: baseline, margin: { absolute: 0.02 }, appliesTo: [live] }
  - { name: flagged, metric: { kind: outputRate, output: flagged }, compareTo: baseline, margin: { relative: 1.5 }, appliesTo: [live] }
`;

const planFor = ({ version }: Candidate): string => `apiVersion: handoff/v1
kind: Rollout
model: ${model}
baseline: ${baseline}
candidate: ${version}
eligibility: partial
block: 5s
steps:
  - setWeight: 10
  - analysis: { atLeast: 5s, minSamples: 50, deadline: 60s }
  - setWeight: 50
  - analysis: { atLeast: 10s, minSamples: 500, deadline: 60s }
  - setWeight: 100
bake: 5s
`;

/** Newcomers' machines are busy: a run that waits a second for its turn is no error of the candidate. */
const patient = (text: string): string => text.replace(/deadlineMs: \d+/, 'deadlineMs: 3000');

/** Copies of the bundles with their own criteria, in a temporary folder. Nothing of the repository is changed. */
export const buildStage = async (): Promise<TeamFolders> => {
  const folders = await makeTeamFolders();
  const bundles = [
    { version: baseline, from: baseline },
    { version: goodCandidate.version, from: goodCandidate.version },
    { version: badCandidate.version, from: goodCandidate.version, graph: 'test/fixtures/broken-candidates/nan.onnx' },
  ];
  for (const { version, from, ...graph } of bundles) {
    await deliver(folders, {
      from: { model, version: from },
      as: { model, version },
      edit: [
        { file: 'handoff.yaml', change: patient },
        { file: 'acceptance.yaml', change: () => acceptance },
      ],
      ...graph,
    });
  }
  return folders;
};

/** Puts a plan for a candidate in place of the last one. */
export const writePlan = ({ rolloutDir }: TeamFolders, candidate: Candidate): Promise<void> => writeFile(join(rolloutDir, `${model}.yaml`), planFor(candidate));

const repository = new URL('..', import.meta.url).pathname;

/** Of so many purchases one is a large one. The evaluation rows have none above 750. */
const largeEvery = 10;
const largeFactor = 40;

type Row = Readonly<Record<string, unknown>>;

const enlarged = (row: Row): Row => ({ ...row, amount: Math.min(50_000, 1_001 + Number(row.amount) * largeFactor) });

/** Requests of the bundle's evaluation data: one row each, every tenth a large purchase. */
export const readRows = async (limit: number): Promise<readonly Row[]> => {
  const text = await readFile(join(repository, 'models', model, goodCandidate.version, 'evaluation/cases.jsonl'), 'utf8');
  const rows = text
    .trim()
    .split('\n')
    .slice(0, limit)
    .map((line) => (JSON.parse(line) as { readonly inputs: readonly [Row] }).inputs[0]);
  return rows.map((row, index) => (index % largeEvery === 0 ? enlarged(row) : row));
};
