import { requestFields } from '../bundle/contract.ts';
import type { Evaluation } from './evaluation/evaluate.ts';
import type { Report } from './finding.ts';
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

/** The offline criteria, as they came out on the held-out cases. */
export const checkCriteria = ({ judgements, answers, cases }: Evaluation, report: Report): void => {
  for (const { criterion, effect, candidate, interval, allowed } of judgements.filter(({ verdict }) => verdict === 'missed'))
    report('criterion-met', { file, field: criterion, got: `${rounded(effect ?? candidate)} (95 % ${interval.map(rounded).join(' to ')})`, expected: allowed });
  const refused = answers.findIndex(({ outputs, breach }) => outputs === null && !breach);
  if (refused !== -1)
    report('evaluation-there', {
      file: 'evaluation/cases.jsonl',
      field: cases[refused]?.id ?? '',
      got: answers[refused]?.detail ?? 'no answer',
      expected: "a case that the bundle's own contract lets through",
    });
};
