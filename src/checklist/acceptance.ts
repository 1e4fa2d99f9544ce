import { requestFields } from '../bundle/contract.ts';
import type { CaseAnswer, EvaluationCase } from './evaluation/cases.ts';
import type { Evaluation } from './evaluation/evaluate.ts';
import type { Finding, Report } from './finding.ts';
import type { RuleGroup, Subject } from './subject.ts';

const file = 'acceptance.yaml';
const watched = ['errorRate', 'latency', 'breachRate'] as const;

const outputNames = ({ bundle: { contract } }: Subject): ReadonlySet<string> =>
  new Set([...contract.outputs.flatMap(({ fields }) => fields), ...contract.derived].map(({ name }) => name));

/** Names in the criteria and faults, each with what it must be one of. */
const namesIn = (
  subject: Subject,
): readonly { readonly field: string; readonly name: string; readonly among: ReadonlySet<string>; readonly what: string }[] => {
  const { acceptance, contract } = subject.bundle;
  const inputs = { among: new Set(requestFields(contract).map(({ name }) => name)), what: 'a field of the contract' };
  const outputs = { among: outputNames(subject), what: 'an output of the contract' };
  return [
    ...acceptance.criteria.flatMap(({ name: field, metric }) => [
      ...('output' in metric && metric.output !== undefined ? [{ field, name: metric.output, ...outputs }] : []),
      ...(metric.kind === 'sliceGap' ? [{ field, name: metric.by, ...inputs }] : []),
    ]),
    ...acceptance.faults.flatMap((fault) => ('swap' in fault ? fault.swap.map((name) => ({ field: fault.name, name, ...inputs })) : [])),
  ];
};

/** Whether the criteria can do their work: the live guardrails are there, what they name exists, faults are there to try them with. */
export const checkAcceptance: RuleGroup = (subject, report) => {
  const { criteria, faults } = subject.bundle.acceptance;
  for (const kind of watched)
    if (!criteria.some(({ metric, appliesTo }) => metric.kind === kind && appliesTo.includes('live')))
      report('acceptance-live', { file, field: 'criteria', got: `no live criterion of kind ${kind}`, expected: 'one' });
  if (faults.length === 0) report('faults-declared', { file, field: 'faults', got: 'none', expected: 'at least one' });
  for (const { field, name, among, what } of namesIn(subject)) report('acceptance-names', { file, field, got: name, expected: what }, !among.has(name));
};

const rounded = (value: number): string => String(Number(value.toPrecision(4)));

/** The first case that a version does not answer; null when there is none. A rejected output is an answer of that version, and counts against it. */
const refusalIn = (cases: readonly EvaluationCase[], answers: readonly CaseAnswer[]): Omit<Finding, 'rule' | 'expected'> | null => {
  const refused = [...answers.entries()].filter(([, { outputs, breach }]) => outputs === null && !breach);
  const [first] = refused;
  if (first === undefined) return null;
  const [at, { detail }] = first;
  const count = refused.length === 1 ? '' : ` (and ${refused.length - 1} cases more)`;
  return { file: 'evaluation/cases.jsonl', field: cases[at]?.id ?? '', got: `${detail ?? 'no answer'}${count}` };
};

/** The offline criteria, as they came out on the held-out cases. */
export const checkCriteria = ({ judgements, answers, baselineAnswers, cases }: Evaluation, report: Report): void => {
  for (const { criterion, effect, candidate, interval, allowed, why } of judgements.filter(({ verdict }) => verdict === 'missed')) {
    const figures = `${rounded(effect ?? candidate)} (95 % ${interval.map(rounded).join(' to ')})`;
    report('criterion-met', { file, field: criterion, got: why ?? figures, expected: allowed });
  }
  const refused = refusalIn(cases, answers);
  if (refused !== null) report('evaluation-there', { ...refused, expected: "a case that the bundle's own contract lets through" });
  const refusedThere = refusalIn(cases, baselineAnswers ?? []);
  if (refusedThere !== null) report('evaluation-compared', { ...refusedThere, expected: 'a case that the baseline answers too' });
};
