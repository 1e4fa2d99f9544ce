/** The spine of `handoff check`: one bundle against every rule of the handoff. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Fault } from '../bundle/fault.ts';
import { contractSchema } from '../bundle/odcs.ts';
import { type Bundle, type BundlePlace, readBundle } from '../bundle/read-bundle.ts';
import { checkSignature } from '../bundle/signing/check-signature.ts';
import type { TrustedKey } from '../bundle/signing/keys.ts';
import { parseYaml } from '../bundle/yaml.ts';
import { openVersion } from '../data-plane/inference/open-version.ts';
import type { ServingVersion } from '../data-plane/inference/serving-version.ts';
import type { Launcher } from '../data-plane/processes/launcher.ts';
import { checkAcceptance, checkCriteria } from './acceptance.ts';
import { checkBudgets, type Machine } from './budgets.ts';
import { checkContractFields } from './contract-fields.ts';
import { checkContractStandard } from './contract-standard.ts';
import { checkDriftBaseline } from './drift-baseline.ts';
import { checkEnvironment } from './environment.ts';
import { groupsFile, type LabelGroups, readLabelGroups } from './evaluation/case-values.ts';
import { parseCases } from './evaluation/cases.ts';
import { type Evaluation, evaluate } from './evaluation/evaluate.ts';
import { checkStated } from './evaluation-stated.ts';
import { checkFilledIn, checkGoldenSource, countGolden, reportFaults } from './files.ts';
import type { Finding, Report } from './finding.ts';
import { checkGoldenTolerance } from './golden-tolerance.ts';
import { checkModelCard } from './model-card.ts';
import { checkPeople } from './people.ts';
import { checkRunbook } from './runbook.ts';
import { checkSlo } from './slo.ts';
import { type Subject, textReader, type Vocabulary } from './subject.ts';
import { checkTransforms } from './transforms.ts';

/** What a bundle is held against. */
export interface ChecklistDeps {
  readonly vocabulary: Vocabulary;
  readonly machine: Machine;
  readonly monotonicMs: () => number;
  readonly launcher: Launcher;
  /** Keys of those whose signature counts; none: signatures are not looked at. */
  readonly trustedKeys: readonly TrustedKey[];
}

/** How a bundle came out. */
export interface Checked {
  readonly place: BundlePlace;
  /** Null for a bundle that cannot be read. */
  readonly bundle: Bundle | null;
  readonly findings: readonly Finding[];
  readonly golden: { readonly passed: number; readonly total: number };
  /** Null when the bundle cannot be run, or has no cases. */
  readonly evaluation: Evaluation | null;
  /** Measured run times by rows, of this version and of its baseline. */
  readonly costs: { readonly own: ServingVersion['costs']; readonly baseline: ServingVersion['costs'] };
}

const silentHooks = { onRun: () => undefined, onWorkerRestart: () => undefined, onBreaker: () => undefined };

const casesFile = 'evaluation/cases.jsonl';

const readContractDocument = async ({ folder }: BundlePlace): Promise<Pick<Subject, 'contract' | 'rawContract'>> => {
  const rawContract: unknown = parseYaml(await readFile(join(folder, 'contract.odcs.yaml'), 'utf8'));
  return { rawContract, contract: contractSchema.parse(rawContract) };
};

/** What the files alone say, in the order of the report. */
const documentRules = [
  checkAcceptance,
  checkContractFields,
  checkContractStandard,
  checkGoldenSource,
  checkGoldenTolerance,
  checkDriftBaseline,
  checkEnvironment,
  checkSlo,
  checkRunbook,
  checkModelCard,
  checkPeople,
  checkFilledIn,
];

/** Every rule that needs no run. */
const checkDocuments = async (subject: Subject, report: Report): Promise<void> => {
  for (const check of documentRules) await check(subject, report);
};

/** What tells classes apart; null when the file that says it cannot be read. */
const groupsOf = async ({ text }: Subject, report: Report): Promise<LabelGroups | null> => {
  const source = await text(groupsFile);
  const { value, faults } = source === null ? { value: new Map(), faults: [] } : readLabelGroups(source);
  for (const fault of faults) report('evaluation-there', fault);
  return value;
};

/** What runs show. */
const checkRuns = async (subject: Subject, { machine, monotonicMs }: ChecklistDeps, report: Report): Promise<Evaluation | null> => {
  await checkTransforms(subject, report);
  const { cases, faults } = parseCases((await subject.text(casesFile)) ?? '');
  for (const { line, got } of faults) report('evaluation-there', { file: casesFile, field: `line ${line}`, got, expected: 'id, inputs and one label a row' });
  if (cases.length === 0) {
    report('evaluation-there', { file: casesFile, field: '(whole file)', got: 'no case', expected: 'held-out cases' });
    return null;
  }
  const groups = await groupsOf(subject, report);
  if (groups === null) return null;
  const evaluation = await evaluate(subject, cases, { monotonicMs, groups });
  checkCriteria(evaluation, report);
  await checkStated(subject, evaluation, report);
  checkBudgets(subject, { machine, latency: evaluation.latency }, report);
  return evaluation;
};

interface Opened {
  readonly version: ServingVersion | null;
  readonly faults: readonly Fault[];
  readonly golden: Checked['golden'];
}

const open = async (bundle: Bundle, { monotonicMs, launcher }: ChecklistDeps): Promise<Opened> => {
  const { version, faults, golden } = await openVersion(bundle, { launcher, monotonicMs, hooks: silentHooks });
  return { version, faults, golden: countGolden(golden) };
};

/** The version to compare with. One that is there and does not open is a finding: without it nothing is shown. */
const openBaseline = async (place: BundlePlace | null, deps: ChecklistDeps, report: Report): Promise<ServingVersion | null> => {
  if (place === null) return null;
  const { bundle, faults: unread } = await readBundle(place);
  const { version, faults } = bundle === null ? { version: null, faults: unread } : await open(bundle, deps);
  if (version === null) for (const fault of faults) report('baseline-there', { ...fault, file: `${place.model}/${place.version}/${fault.file}` });
  return version;
};

/** Holds one bundle against every rule, and against the version that it is to replace, if there is one. */
export const runChecklist = async (place: BundlePlace, baselinePlace: BundlePlace | null, deps: ChecklistDeps): Promise<Checked> => {
  const findings: Finding[] = [];
  const report: Report = (rule, finding, wrong = true) => {
    if (wrong) findings.push({ rule, ...finding });
  };
  const unread = { place, findings, golden: { passed: 0, total: 0 }, evaluation: null, costs: { own: [], baseline: [] } };
  const { bundle, faults } = await readBundle(place);
  reportFaults(faults, report);
  if (bundle === null) return { ...unread, bundle };
  if (deps.trustedKeys.length > 0) for (const fault of checkSignature(bundle, deps.trustedKeys).faults) report('signed', fault);
  const opened = await open(bundle, deps);
  reportFaults(opened.faults, report);
  const { version, golden } = opened;
  if (version === null) return { ...unread, bundle, golden };
  const baseline = await openBaseline(baselinePlace, deps, report);
  try {
    const subject: Subject = { bundle, version, baseline, vocabulary: deps.vocabulary, text: textReader(place), ...(await readContractDocument(place)) };
    await checkDocuments(subject, report);
    const evaluation = await checkRuns(subject, deps, report);
    return { place, bundle, findings, golden, evaluation, costs: { own: version.costs, baseline: baseline?.costs ?? [] } };
  } finally {
    await Promise.all([version.close(), baseline?.close()]);
  }
};
