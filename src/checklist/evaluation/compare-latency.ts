import type { ServingVersion } from '../../data-plane/inference/serving-version.ts';
import { timeReference } from '../reference-work.ts';
import { type EvaluationCase, ownRows, predictPatiently } from './cases.ts';

/** Compute times of the same requests on both versions, milliseconds: pair i is request i. */
export interface LatencyPairs {
  readonly candidate: readonly number[];
  readonly baseline: readonly number[];
  /** The reference work, once in two pairs: what else the machine does at that moment is in it too. */
  readonly reference: readonly number[];
}

const mostPairs = 200;
/** The first runs of a process are slow in a way that no later one is. */
const warmUps = 5;
/** Nobody waits longer for a comparison. */
const budgetMs = 20_000;

interface Comparing {
  readonly candidate: ServingVersion;
  readonly baseline: ServingVersion | null;
  readonly monotonicMs: () => number;
}

const runMs = async (version: ServingVersion, { inputs }: EvaluationCase, monotonicMs: () => number): Promise<number> => {
  const { computeMs } = await predictPatiently({ version, monotonicMs }, ownRows(version, inputs));
  return computeMs;
};

/** The same request on both versions, one after the other, in the order asked for; null when it fails on one of them. */
const runPair = async (
  one: EvaluationCase,
  { candidate, baseline, monotonicMs }: Comparing,
  baselineFirst: boolean,
): Promise<readonly [number, number] | null> => {
  const run = (version: ServingVersion | null): Promise<number> => (version === null ? Promise.resolve(Number.NaN) : runMs(version, one, monotonicMs));
  try {
    if (!baselineFirst) return [await run(candidate), await run(baseline)];
    const other = await run(baseline);
    return [await run(candidate), other];
  } catch {
    return null;
  }
};

/** Runs requests one at a time on both versions in turn, so that whatever else the machine does hits both alike. A request that fails is left out of both. */
export const compareLatency = async (cases: readonly EvaluationCase[], comparing: Comparing): Promise<LatencyPairs> => {
  const endMs = comparing.monotonicMs() + budgetMs;
  const pairs: (readonly [number, number])[] = [];
  const reference: number[] = [];
  const asked = Array.from({ length: Math.min(cases.length, mostPairs) + warmUps }, (_, index) => cases[index % cases.length]);
  for (const [index, one] of asked.entries()) {
    if (one === undefined || comparing.monotonicMs() > endMs) break;
    const pair = await runPair(one, comparing, index % 2 === 1);
    if (pair === null || index < warmUps) continue;
    pairs.push(pair);
    if (pairs.length % 2 === 1) reference.push(timeReference(comparing.monotonicMs));
  }
  return { candidate: pairs.map(([own]) => own), baseline: pairs.map(([, other]) => other), reference };
};

/** The share-quantile of values when each counts `times` times; NaN without values. */
export const quantileOf = (values: readonly number[], share: number, times?: Float64Array): number => {
  const ranked = values.map((value, at) => ({ value, count: times?.[at] ?? 1 })).sort((left, right) => left.value - right.value);
  const total = ranked.reduce((sum, { count }) => sum + count, 0);
  let below = 0;
  for (const { value, count } of ranked) {
    below += count;
    if (below >= share * total && count > 0) return value;
  }
  return Number.NaN;
};
