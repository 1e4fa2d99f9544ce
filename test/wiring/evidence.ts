/** E-values of a rollout from the counts of its blocks, and the pins that its sealed past allows. */
import type { CountedBlock, GuardCounts, Pins } from './counts.ts';
import type { GuardOf, Test } from './guards.ts';
import { type Begin, type BlockLogs, coinLogs, differenceLogs, likeliestBegin, lnMixture, lnSum, type PairTally, pairLogs } from './kernel.ts';

const noPairs: PairTally = { both: 0, candidateOnly: 0, baselineOnly: 0, neither: 0, pending: 0 };
const silent = ({ bets }: Test): number[] => new Array<number>(bets).fill(0);

/** What the bets of a test win in one block. */
const logsOf = (test: Test, { counts, pins }: { readonly counts: GuardCounts; readonly pins: Pins }): readonly number[] => {
  switch (test.source) {
    case 'units':
      return coinLogs(counts.units, test);
    case 'firstEvents': {
      const rho0 = test.delta === 0 ? test.rho0 : 1 + (test.harm * test.delta) / (pins.firstEventRate ?? Number.NaN);
      return rho0 > 0 ? coinLogs(counts.firstEvents, { ...test, rho0, delta: 0 }) : silent(test);
    }
    case 'pairs':
      return pairLogs(counts.pairs[test.slot] ?? noPairs, test);
    case 'differences':
      return differenceLogs(counts.differences, test);
    default:
      return silent(test);
  }
};

/** Logarithms of e-values. */
export interface Evidence {
  /** Of the largest family. */
  readonly lnE: number;
  readonly guards: Readonly<Record<string, { readonly lnE: number; readonly lnGraduation: number }>>;
}

const logsIn = (blocks: readonly CountedBlock[], guard: GuardOf, test: Test): BlockLogs =>
  new Map(
    blocks.flatMap(({ number, guards: counted }) => {
      const one = counted[guard.name];
      return one === undefined ? [] : [[number, logsOf(test, one)] as const];
    }),
  );

/** The number of the block in which a guard's harm most likely began; null when that is the block after the last. */
export const likelyStartOf = (guard: GuardOf, blocks: readonly CountedBlock[]): number | null => {
  const last = 1 + Math.max(0, ...blocks.map(({ number }) => number));
  const begins = guard.rollback.map((test): Begin => {
    const { block, ln } = likeliestBegin(logsIn(blocks, guard, test), { last, hazard: test.hazard, bets: test.bets });
    return { block, ln: Math.log(test.weight) + ln };
  });
  const { block } = begins.reduce((best, next) => (next.ln > best.ln ? next : best));
  return block === last ? null : block;
};

/** The evidence at the end of the last of these blocks. */
export const evidenceOf = (guards: readonly GuardOf[], blocks: readonly CountedBlock[]): Evidence => {
  const last = Math.max(1, ...blocks.map(({ number }) => number));
  const lnOf = (guard: GuardOf, test: Test): number => lnMixture(logsIn(blocks, guard, test), { last, hazard: test.hazard, bets: test.bets });
  const weighted = guards.flatMap((guard) => guard.rollback.map((test) => ({ guard, test, ln: Math.log(test.weight) + lnOf(guard, test) })));
  const lnsOf = (family: Test['family']): number[] => weighted.filter(({ test }) => test.family === family).map(({ ln }) => ln);
  return {
    // Only the tests in the order of assignment may be added; of the others one at a time is held against the threshold.
    lnE: Math.max(lnSum(lnsOf('assignment')), ...lnsOf('first-event'), ...lnsOf('outcome')),
    guards: Object.fromEntries(
      guards.map((guard) => [
        guard.name,
        {
          lnE: lnSum(weighted.filter((entry) => entry.guard === guard).map(({ ln }) => ln)) - Math.log(guard.weight),
          lnGraduation: Math.min(...guard.promotion.map((test) => lnOf(guard, test))),
        },
      ]),
    ),
  };
};

const bucketWidth = Math.log(1.1) / 5;
const leastRuns = 2_000;
const buckets = 1_003;

/** The baseline's runs in the pairs of sealed blocks, oldest first; older ones decay while enough remain. */
const historyOf = (past: readonly CountedBlock[]): readonly number[] => {
  let history = new Array<number>(buckets).fill(0);
  for (const { seconds } of past) {
    const runs = seconds.flatMap(({ pairs }) => [...pairs.values()].flatMap((pair) => (pair.runs === null ? [] : [pair.runs.baseline.bucket])));
    if (runs.length === 0) continue;
    const total = history.reduce((sum, count) => sum + count, 0);
    if (total * 0.9 >= leastRuns) history = history.map((count) => count * 0.9);
    for (const bucket of runs) history[bucket] = (history[bucket] ?? 0) + 1;
  }
  return history;
};

const latencyEdgesOf = ({ slots, relative, atLeastMs }: NonNullable<GuardOf['latency']>, past: readonly CountedBlock[]): Pins => {
  const history = historyOf(past);
  const total = history.reduce((sum, count) => sum + count, 0);
  if (total < leastRuns) return {};
  const survival = (edge: number): number => history.slice(edge).reduce((sum, count) => sum + count, 0);
  return {
    latencyEdges: slots.map((slot) => {
      const baseline = history.findIndex((_, edge) => survival(edge) <= slot * total + 1e-9);
      const edge = baseline === -1 ? buckets : baseline;
      const shift = Math.max(0, Math.ceil(Math.log1p(relative) / bucketWidth - 1e-9));
      const later = Math.ceil(Math.log(Math.exp(edge * bucketWidth) + atLeastMs * 1_000) / bucketWidth - 1e-9);
      return { baseline: edge, candidate: Math.max(edge + shift, atLeastMs > 0 ? later : 0) };
    }),
  };
};

/** Pins as one text; empty for none. */
export const pinsText = ({ latencyEdges, firstEventRate }: Pins): string =>
  [latencyEdges?.map(({ baseline, candidate }) => `${baseline}-${candidate}`).join(' '), firstEventRate].filter((part) => part !== undefined).join();

/** What the sealed past fixes for a guard of the next block. */
export const pinsAfter = (guard: GuardOf, past: readonly CountedBlock[]): Pins => {
  if (guard.latency !== null) return latencyEdgesOf(guard.latency, past);
  const counted = past.flatMap(({ guards }) => guards[guard.name]?.counts ?? []);
  if (!guard.rollback.some(({ source }) => source === 'firstEvents')) return {};
  const arms = counted.flatMap(({ units }) => [...units.values()].map(({ baseline }) => baseline));
  const n = arms.reduce((sum, arm) => sum + arm.n, 0);
  return n === 0 ? {} : { firstEventRate: (arms.reduce((sum, arm) => sum + arm.events, 0) + 1) / (n + 1) };
};
