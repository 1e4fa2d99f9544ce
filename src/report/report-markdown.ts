import type { CriterionReport, RolloutReport } from './rollout-report.ts';

const rounded = (value: number | null | undefined): string => (value === null || value === undefined ? '-' : String(Number(value.toPrecision(4))));

/** A reason may hold anything that a person typed: in a table it stays one cell of one line. */
const cell = (text: string): string => text.replaceAll(/\p{Cc}/gu, ' ').replaceAll('|', '\\|');

const row = (cells: readonly string[]): string => `| ${cells.map(cell).join(' | ')} |\n`;

const table = (header: readonly string[], rows: readonly (readonly string[])[]): string =>
  rows.length === 0 ? 'Nothing.\n' : `${row(header)}${row(header.map(() => '---'))}${rows.map(row).join('')}`;

const armWords = (arm: NonNullable<CriterionReport['live']>['candidate']): string => (arm == null ? '-' : `${arm.events ?? rounded(arm.value)} of ${arm.n}`);

const duration = (seconds: number | null): string => {
  if (seconds === null) return '-';
  if (seconds < 120) return `${seconds} s`;
  return seconds < 7_200 ? `${Math.round(seconds / 60)} min` : `${rounded(seconds / 3_600)} h`;
};

const criterionRow = ({ criterion, offline, live }: CriterionReport): readonly string[] => [
  criterion,
  rounded(offline?.effect ?? offline?.candidate),
  offline?.verdict ?? '-',
  rounded(live?.effect),
  live?.interval == null ? '-' : live.interval.map(rounded).join(' to '),
  live?.verdict ?? '-',
  live === null ? '-' : `${armWords(live.candidate)}, baseline ${armWords(live.baseline)}`,
];

const costWords = ({ candidateRequests, rescuedRequests }: RolloutReport['cost']): string =>
  candidateRequests === 0
    ? "None of the evidence requests was the candidate's."
    : `${candidateRequests ?? 'An unknown number of'} evidence requests were the candidate's; ${rescuedRequests ?? 'an unknown number'} of them failed or were rejected and were answered by the baseline.`;

/** The report for people. */
export const reportMarkdown = (report: RolloutReport): string => {
  const { rollout, model, attempt, baseline, candidate, outcome, reason, caught, criteria, cost, seconds, stretches, gaps, candidateDigest } = report;
  const sections = [
    `# ${model}: ${baseline} to ${candidate}, ${outcome}\n\nRollout ${rollout}, attempt ${attempt}, ${duration(seconds)}. Candidate ${candidateDigest}.\n\n${cell(reason)}\n`,
    `## What failed, and how it was caught\n\n${caught === null ? 'Nothing was taken back.' : `${cell(caught.sentence)} Caught by ${cell(caught.by)}${caught.criterion === null ? '' : `, criterion ${caught.criterion}`}.`}\n`,
    `## Offline against live\n\n${table(['criterion', 'offline effect', 'offline', 'live effect', 'live interval', 'live', 'live counts'], criteria.map(criterionRow))}`,
    `## What it cost users\n\n${costWords(cost)}\n`,
    `## How long each step took\n\n${table(
      ['from', 'lasted', 'move', 'by', 'phase', 'step', 'weight', 'reason'],
      stretches.map((one) => [one.from, duration(one.seconds), one.move, one.actor, one.phase, String(one.step), `${one.weight} %`, one.reason]),
    )}`,
    ...(gaps.length === 0 ? [] : [`## What is not known\n\n${gaps.map((gap) => `* ${gap}\n`).join('')}`]),
  ];
  return sections.join('\n');
};
