/**
 * Runs in which several golden requests share the rows, as the requests of strangers do under load: each must be answered
 * there as it is alone.
 */
import { shown } from '../../bundle/fault.ts';
import type { GoldenCase } from '../../bundle/golden-case.ts';
import type { Row } from '../contract/compile-contract.ts';
import type { GuardOutputs, OutputRow } from '../guards/compile-outputs.ts';
import type { RunResult } from './executor.ts';
import { sliceRun } from './slice-run.ts';

/** A request that had a run to itself, and its answer. */
export interface AnsweredRequest {
  /** The golden case that it is of. */
  readonly file: string;
  readonly rows: readonly Row[];
  readonly outputs: readonly OutputRow[];
  /** Of the golden case. */
  readonly tolerance: GoldenCase['tolerance'];
}

interface PlacedRequest extends AnsweredRequest {
  /** Where its rows begin in the run. */
  readonly start: number;
}

/** The rows of one run. */
export interface MixedRun {
  readonly rows: readonly Row[];
  /** Requests that are in it with all of their rows, from its beginning and its end. The others, and one that was cut off, are only strangers to them. */
  readonly held: readonly PlacedRequest[];
}

/** An answer that is another one beside other rows. */
export interface ChangedAnswer {
  readonly file: string;
  /** Index of the row in its request. */
  readonly row: number;
  readonly beside: string;
  readonly alone: string;
}

/**
 * Larger runs may use other kernels, which add up in another order: a thousand roundings of FP32, by which nobody's answer
 * is another one. Golden cases may allow nothing, where the stored answer is exact.
 */
const relativeTolerance = 1e-4;

/** A run of so many rows takes them in this order: the shortest first, so that a small one holds as many different requests as it can. */
export const shortestFirst = (requests: readonly AnsweredRequest[]): readonly AnsweredRequest[] =>
  requests.toSorted((left, right) => left.rows.length - right.rows.length);

/** A run of so many rows: one request after the other, over and over. */
export const mixRequests = (requests: readonly AnsweredRequest[], size: number): MixedRun => {
  const rows: Row[] = [];
  const whole: PlacedRequest[] = [];
  while (rows.length < size && requests.length > 0) {
    for (const request of requests) {
      const start = rows.length;
      rows.push(...request.rows.slice(0, size - start));
      if (start + request.rows.length <= size) whole.push({ ...request, start });
    }
  }
  return { rows, held: atBothEnds(whole, requests.length) };
};

/** A wide answer takes a while to look at, and those in the middle tell nothing that these do not. */
const atBothEnds = (placed: readonly PlacedRequest[], count: number): readonly PlacedRequest[] =>
  placed.length <= 2 * count ? placed : [...placed.slice(0, count), ...placed.slice(-count)];

/** The first answer that depends on what else was in the run; null when there is none. */
export const findChanged = ({ rows, held }: MixedRun, result: RunResult, guard: GuardOutputs): ChangedAnswer | null => {
  for (const { file, rows: own, outputs, tolerance, start } of held) {
    const guarded = guard({ rows: own, ...sliceRun(result, { start, end: start + own.length, rows: rows.length }) });
    if (!guarded.ok) return { file, row: 0, beside: guarded.breach, alone: shown(outputs[0]) };
    const row = outputs.findIndex((alone, index) => !isSameAnswer(guarded.rows[index], alone, tolerance));
    if (row !== -1) return { file, row, beside: shown(guarded.rows[row]), alone: shown(outputs[row]) };
  }
  return null;
};

const hasNumber = (value: unknown): boolean =>
  typeof value === 'number' || (typeof value === 'object' && value !== null && Object.values(value).some(hasNumber));

/** What other rows may not change of a value. */
type Same = (left: unknown, right: unknown) => boolean;

/** A flag or a label follows from the numbers beside it: one that lies on the threshold may fall on either side of it. Alone it is all there is. */
const isSameAnswer = (left: unknown, right: OutputRow, { absolute, relative = 0 }: GoldenCase['tolerance']): boolean => {
  const share = Math.max(relative, relativeTolerance);
  const isNear = (one: number, other: number): boolean => Math.abs(one - other) <= absolute + share * Math.max(Math.abs(one), Math.abs(other));
  const isSameOther: Same = hasNumber(right) ? (one, other) => typeof one === typeof other : Object.is;
  const isSame: Same = (one, other) => {
    if (typeof one === 'number' && typeof other === 'number') return isNear(one, other);
    if (typeof one !== 'object' || typeof other !== 'object' || one === null || other === null) return isSameOther(one, other);
    return Object.keys(other).every((key) => isSame(Reflect.get(one, key), Reflect.get(other, key)));
  };
  return isSame(left, right);
};
