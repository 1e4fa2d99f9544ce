import type { DifferenceRule } from '../../store/traffic-assignment.ts';
import type { OutputRow } from '../guards/compile-outputs.ts';

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> => typeof value === 'object' && value !== null && !Array.isArray(value);

/** Numbers may be apart by the tolerance; everything else must be equal. What the candidate answers in addition is no difference. */
const isApart = (baseline: unknown, candidate: unknown, tolerance: number): boolean => {
  if (typeof baseline === 'number' && typeof candidate === 'number') return !(Math.abs(baseline - candidate) <= tolerance);
  if (Array.isArray(baseline) && Array.isArray(candidate))
    return baseline.length !== candidate.length || baseline.some((value, index) => isApart(value, candidate[index], tolerance));
  if (isObject(baseline) && isObject(candidate)) return Object.keys(baseline).some((name) => isApart(baseline[name], candidate[name], tolerance));
  return !Object.is(baseline, candidate);
};

/** The outputs of one request on both versions. */
export interface ComparedRows {
  readonly baseline: readonly OutputRow[];
  readonly candidate: readonly OutputRow[];
}

const rowDiffers = (rule: DifferenceRule, baseline: OutputRow, candidate: OutputRow): boolean =>
  rule.output === null ? isApart(baseline, candidate, rule.tolerance) : isApart(baseline[rule.output], candidate[rule.output], rule.tolerance);

/** The first row in which two answers differ by a rule; -1 when they agree. */
export const firstDifferingRow = (rule: DifferenceRule, { baseline, candidate }: ComparedRows): number =>
  baseline.findIndex((row, index) => rowDiffers(rule, row, candidate[index] ?? {}));
