/** Models of other frameworks, from the exported file to the answer: `handoff init` writes the bundle, a gateway serves it at once, and answers as the framework does. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readSample } from '../../src/cli/read-sample.ts';
import { makeTeamFolders, type TeamFolders } from '../support/bundles.ts';
import { type GatewayProcess, runCli, startGateway } from '../support/gateway.ts';
import { onnxModel } from '../support/onnx-graph.ts';

const fixtures = 'test/fixtures/foreign-models';
const tolerance = 1e-5;
/** Rows of one request. */
const batch = 50;

type Row = Readonly<Record<string, unknown>>;
type OutputRow = Readonly<Record<string, unknown>>;

/** The positive class of a classifier with two. */
const positive = ({ probabilities }: OutputRow): unknown => (probabilities as readonly number[])[1];

/** CSV and Parquet cells as JSON has them; the label column is no input. */
const asJson = ({ defaulted: _, ...row }: Row): Row =>
  Object.fromEntries(Object.entries(row).map(([name, value]) => [name, value === '' ? null : name === 'purpose' ? value : Number(value)]));

const models = [
  { model: 'logistic', framework: 'scikit-learn, one tensor', sample: 'logistic.csv', flags: ['--ignore', 'defaulted'], scoreOf: positive },
  { model: 'boosted', framework: 'LightGBM', sample: 'boosted.parquet', flags: [], scoreOf: positive },
  { model: 'columns', framework: 'scikit-learn, an input a column', sample: 'columns.jsonl', flags: [], scoreOf: positive },
  { model: 'network', framework: 'PyTorch', sample: 'network.jsonl', flags: [], scoreOf: ({ output }: OutputRow) => output },
] as const;

/** What takes an image: three planes of 8 x 8, their means as three scores. */
const picture = onnxModel({
  nodes: [
    { op: 'GlobalAveragePool', inputs: ['pixels'], outputs: ['means'] },
    { op: 'Flatten', inputs: ['means'], outputs: ['scores'], attributes: { axis: 1 } },
  ],
  inputs: [{ name: 'pixels', shape: ['N', 3, 8, 8] }],
  outputs: [{ name: 'scores', shape: ['N', 3] }],
});

let folders: TeamFolders;
let gateway: GatewayProcess;
const init = (...words: readonly string[]) => runCli(['init', ...words, '--out', folders.root]);
const inFolders = () => ['--models-dir', folders.modelsDir, '--golden-dir', folders.goldenDir, '--rollout-dir', folders.rolloutDir];

beforeAll(async () => {
  folders = await makeTeamFolders();
  await writeFile(join(folders.root, 'picture.onnx'), picture);
  for (const { model, sample, flags } of models)
    expect(await init(join(fixtures, `${model}.onnx`), '--model', model, '--sample', join(fixtures, sample), ...flags)).toMatchObject({ code: 0 });
  for (const { model } of models) expect(await init(join(fixtures, `${model}.onnx`), '--model', `bare-${model}`)).toMatchObject({ code: 0 });
  expect(await init(join(folders.root, 'picture.onnx'), '--model', 'picture')).toMatchObject({ code: 0 });
  gateway = await startGateway(folders);
});

afterAll(async () => {
  await gateway.end('SIGTERM');
  await folders.remove();
});

describe('a bundle that init wrote', () => {
  test.each(models)('serves the model of $framework with its own predictions, nulls included', async ({ model, sample, scoreOf }) => {
    const rows = (await readSample(join(fixtures, sample))).rows.map(asJson);
    const expected = JSON.parse(await readFile(join(fixtures, `${model}.expected.json`), 'utf8')) as readonly number[];
    const scores: unknown[] = [];
    for (let start = 0; start < rows.length; start += batch) {
      const { status, body } = await gateway.infer({ model, inputs: rows.slice(start, start + batch) });
      expect({ status, outputs: body.outputs?.length }).toEqual({ status: 200, outputs: Math.min(batch, rows.length - start) });
      scores.push(...(body.outputs ?? []).map(scoreOf));
    }
    expect(scores).toHaveLength(expected.length);
    expect(Math.max(...scores.map((score, row) => Math.abs(Number(score) - (expected[row] ?? Number.NaN))))).toBeLessThan(tolerance);
  });

  test('of a table that init got without a sample has columns f0, f1, …', async () => {
    const [row = {}] = (await readSample(join(fixtures, 'network.jsonl'))).rows;
    const inputs = [Object.fromEntries(Object.values(row).map((value, column) => [`f${column}`, value]))];
    const [expected] = JSON.parse(await readFile(join(fixtures, 'network.expected.json'), 'utf8')) as readonly number[];
    const { body } = await gateway.infer({ model: 'bare-network', inputs });
    expect(body.outputs?.[0]?.output).toBeCloseTo(expected ?? Number.NaN, 5);
  });

  test('refuses what is outside of the range of the sample, and texts that it does not know', async () => {
    const [row = {}] = (await readSample(join(fixtures, 'columns.jsonl'))).rows;
    const { status, body } = await gateway.infer({ model: 'columns', inputs: [{ ...row, age: 1_000, purpose: 'yacht' }] });
    expect(status).toBe(400);
    expect(body.errors).toMatchObject([{ pointer: '#/inputs/0/age' }, { pointer: '#/inputs/0/purpose' }]);
  });

  test('takes a picture as a flat list', async () => {
    const pixels = Array.from({ length: 3 * 64 }, (_, place) => Math.floor(place / 64) + 1);
    const { status, body } = await gateway.infer({ model: 'picture', inputs: [{ pixels }] });
    expect({ status, outputs: body.outputs }).toEqual({ status: 200, outputs: [{ scores: [1, 2, 3] }] });
  });

  test('serves and holds all of its golden cases, whatever the graph', async () => {
    const { body } = await gateway.admin('GET', '/models');
    const served = body.models as readonly { readonly model: string; readonly serving: boolean; readonly faults: unknown }[];
    const names = [...models.flatMap(({ model }) => [model, `bare-${model}`]), 'picture'];
    expect(served.map(({ model }) => model).sort()).toEqual([...names].sort());
    expect(served.filter(({ serving, faults }) => !serving || (faults as readonly unknown[]).length > 0)).toEqual([]);
  });

  test('is told by check what a person has to fill in, each with its place and how it is mended, and nothing else', async () => {
    const { code, stdout } = await runCli(['check', 'logistic', '--json', ...inFolders()]);
    expect(code).toBe(1);
    const [bundle] = JSON.parse(stdout).bundles;
    const broken = new Set((bundle.findings as readonly { readonly rule: string; readonly mend: string }[]).map(({ rule }) => rule));
    expect([...broken].sort()).toEqual(
      [
        ...['field-unit', 'field-provenance', 'field-refresh', 'field-range', 'contract-locale', 'retention-stated', 'golden-source'],
        ...['training-declared', 'owners-named', 'on-call-named', 'signed-off', 'filled-in', 'evaluation-there'],
      ].sort(),
    );
    expect(bundle.findings).toContainEqual(expect.objectContaining({ rule: 'filled-in', file: 'handoff.yaml', got: 'license: to be filled in' }));
    expect(bundle.findings.every(({ mend }: { mend: string }) => mend.length > 0)).toBe(true);
  });
});
