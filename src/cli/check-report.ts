import type { Fault } from '../bundle/fault.ts';
import type { Checked } from '../checklist/checklist.ts';
import type { Judgement } from '../checklist/evaluation/judge.ts';
import { type Finding, type RuleId, rules, severityOf } from '../checklist/finding.ts';
import type { GoNoGo } from '../checklist/go-no-go.ts';
import { textTable } from './text-table.ts';

const nameOf = ({ place }: Checked): string => `${place.model} ${place.version}`;

const count = ({ findings }: Checked, severity: 'failure' | 'warning', strict: boolean): number =>
  new Set(findings.filter(({ rule }) => severityOf(rule, strict) === severity).map(({ rule }) => rule)).size;

const plural = (number: number, word: string): string => `${number} ${word}${number === 1 ? '' : 's'}`;

const verdictOf = (checked: Checked, strict: boolean): string => {
  const [failures, warnings] = [count(checked, 'failure', strict), count(checked, 'warning', strict)];
  if (failures > 0) return plural(failures, 'failure');
  return warnings > 0 ? `holds, ${plural(warnings, 'warning')}` : 'holds';
};

/** One line a bundle. */
export const checkTable = (results: readonly Checked[], strict: boolean): string =>
  textTable([
    ['bundle', 'verdict', 'golden', 'digest'],
    ...results.map((result) => [
      nameOf(result),
      verdictOf(result, strict),
      `${result.golden.passed}/${result.golden.total}`,
      result.bundle?.digest.slice(0, 12) ?? '-',
    ]),
  ]);

const findingText = ({ file, field, got, expected }: Finding): string => `  ${file}: ${field}: got ${got}, expected ${expected}`;

/** What a bundle breaks, rule by rule, each with how it is mended. */
export const findingLines = (checked: Checked, strict: boolean): readonly string[] => {
  const broken = [...new Set(checked.findings.map(({ rule }) => rule))];
  return broken.flatMap((rule: RuleId) => [
    `${nameOf(checked)}: ${severityOf(rule, strict)} of ${rule}: not so that ${rules[rule].holds}`,
    ...checked.findings.filter((finding) => finding.rule === rule).map(findingText),
    `  ${rules[rule].mend}`,
  ]);
};

const rounded = (value: number | null): string => (value === null ? '-' : String(Number(value.toPrecision(4))));

const criterionRow = (name: string, { criterion, verdict, candidate, baseline, effect, interval, allowed }: Judgement): readonly string[] => [
  name,
  criterion,
  verdict,
  rounded(candidate),
  rounded(baseline),
  rounded(effect),
  interval.map(rounded).join(' to '),
  allowed,
];

const criteriaHead = ['bundle', 'criterion', 'verdict', 'value', 'baseline', 'effect', '95 % interval', 'allowed'];

/** The offline criteria with their figures. */
export const criteriaTable = (results: readonly Checked[]): string =>
  textTable([criteriaHead, ...results.flatMap((result) => (result.evaluation?.judgements ?? []).map((judgement) => criterionRow(nameOf(result), judgement)))]);

const percent = (share: number): string => `${Number((share * 100).toPrecision(3))} %`;

/** Why there is no decision. */
const undecidedBecause = ({ findings }: Checked): string => {
  const fault = findings.find(({ rule }) => rule === 'baseline-there');
  if (fault === undefined) return 'there is no baseline to compare with, or the bundle cannot be run';
  return `the baseline cannot be opened: ${fault.file}: ${fault.field}: got ${fault.got}, expected ${fault.expected}`;
};

/** The decision for people: what was gained, what it costs, who decides. */
export const goNoGoText = (checked: Checked, decided: GoNoGo | null): string => {
  const name = nameOf(checked);
  if (decided === null) return `${name}: undecided: ${undecidedBecause(checked)}\n`;
  const { latency, cpuSecondsPer1000: cpu, capacityLeft: left } = decided;
  const gains = decided.quality.map(
    ({ criterion, effect, candidate, interval, why }) =>
      `  ${criterion}: ${rounded(effect ?? candidate)} (95 % ${interval.map(rounded).join(' to ')})${why === null ? '' : `: ${why}`}`,
  );
  return [
    `${name}: ${decided.decision}`,
    ...gains,
    `  latency: p50 ${rounded(latency.candidateP50Ms)} ms against ${rounded(latency.baselineP50Ms)} ms (${rounded(latency.ratioP50)} times), p95 ${rounded(latency.candidateP95Ms)} ms against ${rounded(latency.baselineP95Ms)} ms (${rounded(latency.ratioP95)} times)`,
    `  CPU: ${rounded(cpu.candidate)} s a 1,000 rows against ${rounded(cpu.baseline)} s`,
    ...(left === null ? [] : [`  capacity left on one core at the declared throughput: ${percent(left.candidate)} against ${percent(left.baseline)}`]),
    ...decided.waysBack.map((way) => `  to win latency back: ${way}`),
    `  decided by ${decided.decidedBy.join('; ')}`,
    '',
  ].join('\n');
};

/** The whole report as data. */
export const reportJson = (results: readonly Checked[], ofPlans: readonly Fault[], strict: boolean) => ({
  ok: ofPlans.length === 0 && results.every((result) => count(result, 'failure', strict) === 0),
  bundles: results.map((result) => ({
    model: result.place.model,
    version: result.place.version,
    digest: result.bundle?.digest ?? null,
    ok: count(result, 'failure', strict) === 0,
    golden: result.golden,
    findings: result.findings.map((finding) => ({ ...finding, severity: severityOf(finding.rule, strict), mend: rules[finding.rule].mend })),
    criteria: result.evaluation?.judgements ?? [],
  })),
  plans: { faults: ofPlans },
});
