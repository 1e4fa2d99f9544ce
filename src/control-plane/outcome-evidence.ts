/**
 * Outcomes as evidence. Units are counted by the bucket of their assignment; a bucket that is mature is taken once, with
 * the outcomes that were recorded for it until then. What is taken goes into the block that is open at that moment.
 */
import { firstImmatureBucket, maturesAtMs, outcomeBucketOf } from '../bundle/outcome-window.ts';
import type { SecondCounts } from '../store/observation.ts';
import type { OutcomeCell, OutcomeCounts, OutcomeStore } from '../store/outcome-store.ts';
import { addCounts, type GuardCounts } from './analysis/guard-counts.ts';
import { maturedRate } from './analysis/matured-rate.ts';
import { type AssignedStratum, assessSampleRatio } from './analysis/sample-ratio.ts';
import type { UnitStratum, ValueStratum } from './analysis/strata.ts';
import { count } from './guard-sentence.ts';

/** The outcome that a guard watches. */
export interface WatchedOutcome {
  readonly name: string;
  readonly kind: 'rate' | 'mean';
  readonly windowMs: number;
}

/** A guard, by name, whose counts come from outcomes. */
export interface OutcomeGuard {
  readonly guard: string;
  readonly outcome: WatchedOutcome;
}

/** The guards that watch an outcome. */
export const outcomeGuardsOf = (
  guards: readonly { readonly guard: { readonly name: string }; readonly outcome: WatchedOutcome | null }[],
): readonly OutcomeGuard[] => guards.flatMap(({ guard, outcome }) => (outcome === null ? [] : [{ guard: guard.name, outcome }]));

/** Units of one bucket that were assigned with one recorded probability. */
export interface BucketUnits extends AssignedStratum {
  readonly bucket: number;
}

/** Units with an outcome, by probability, and whether some had a zero: where only events are posted, an outcome is no label. */
interface Labelled {
  readonly strata: readonly AssignedStratum[];
  readonly hasZero: boolean;
  /** Units of each arm that have matured, with or without one; absent when an earlier gateway began without counting them. */
  readonly due?: ArmPair;
}

interface ArmPair {
  readonly baseline: number;
  readonly candidate: number;
}

/** What is kept of a rollout's outcomes. By guard name: the first bucket that is not taken yet, and the labelled units. */
export interface KeptOutcomes {
  readonly units: readonly BucketUnits[];
  readonly next: Readonly<Record<string, number>>;
  readonly labelled: Readonly<Record<string, Labelled>>;
}

export const noOutcomes: KeptOutcomes = { units: [], next: {}, labelled: {} };

/** What matured since the last look, by guard, and what is kept from now on. */
export interface Matured {
  readonly counts: Readonly<Record<string, GuardCounts>>;
  readonly kept: KeptOutcomes;
}

const mergeBy = <Stratum extends AssignedStratum>(strata: readonly Stratum[], keyOf: (stratum: Stratum) => string): readonly Stratum[] => {
  const merged = new Map<string, Stratum>();
  for (const stratum of strata) {
    const key = keyOf(stratum);
    const known = merged.get(key);
    merged.set(key, known === undefined ? stratum : { ...known, candidate: known.candidate + stratum.candidate, baseline: known.baseline + stratum.baseline });
  }
  return [...merged.values()];
};

/** One entry a bucket and probability. */
export const mergeBuckets = (units: readonly BucketUnits[]): readonly BucketUnits[] => mergeBy(units, ({ bucket, w }) => `${bucket} ${w}`);

const onArm = <Value>(arm: 'baseline' | 'candidate', value: Value, none: Value): { readonly candidate: Value; readonly baseline: Value } =>
  arm === 'candidate' ? { candidate: value, baseline: none } : { candidate: none, baseline: value };

/** The units of cells of seconds, by bucket. */
export const bucketsOf = (cells: readonly SecondCounts[]): readonly BucketUnits[] =>
  mergeBuckets(cells.map(({ bucket, w, arm, n }) => ({ bucket, w, ...onArm(arm, n, 0) })));

const isEvent = ({ value }: { readonly value: number }): boolean => value >= 50;

const cellKey = ({ bucket, w, arm }: OutcomeCell): string => `${bucket} ${w} ${arm}`;

const noArm = { n: 0, events: 0, pending: 0 };

const rateStrata = (units: readonly BucketUnits[], counts: OutcomeCounts): readonly UnitStratum[] => {
  const events = new Map<string, number>();
  for (const cell of counts.units.filter(isEvent)) events.set(cellKey(cell), (events.get(cellKey(cell)) ?? 0) + cell.count);
  const armOf = ({ bucket, w }: BucketUnits, arm: 'baseline' | 'candidate', n: number) =>
    maturedRate({ n, events: events.get(cellKey({ bucket, w, arm })) ?? 0 });
  return units.map((entry) => ({ w: entry.w, candidate: armOf(entry, 'candidate', entry.candidate), baseline: armOf(entry, 'baseline', entry.baseline) }));
};

const valueStrata = (counts: OutcomeCounts): readonly ValueStratum[] =>
  counts.units.map(({ w, arm, value, count }) => {
    const values = new Array<number>(value + 1).fill(0);
    values[value] = count;
    return { w, ...onArm<readonly number[]>(arm, values, []) };
  });

const firstEventStrata = (counts: OutcomeCounts): readonly UnitStratum[] =>
  counts.firstEvents.map(({ w, arm, count }) => ({ w, ...onArm(arm, { n: count, events: count, pending: 0 }, noArm) }));

const countGuard = ({ kind }: WatchedOutcome, units: readonly BucketUnits[], counts: OutcomeCounts): GuardCounts =>
  addCounts({}, kind === 'mean' ? { values: valueStrata(counts) } : { units: rateStrata(units, counts), firstEvents: firstEventStrata(counts) });

const addArms = (pairs: readonly ArmPair[]): ArmPair =>
  pairs.reduce((sum, { baseline, candidate }) => ({ baseline: sum.baseline + baseline, candidate: sum.candidate + candidate }), { baseline: 0, candidate: 0 });

const noLabelled: Labelled = { strata: [], hasZero: false, due: addArms([]) };

const addLabelled = (known: Labelled = noLabelled, { units }: OutcomeCounts, matured: readonly BucketUnits[]): Labelled => ({
  strata: mergeBy([...known.strata, ...units.map(({ w, arm, count }) => ({ w, ...onArm(arm, count, 0) }))], ({ w }) => String(w)),
  hasZero: known.hasZero || units.some((cell) => !isEvent(cell)),
  ...(known.due === undefined ? {} : { due: addArms([known.due, ...matured]) }),
});

/** A guard that has never looked begins one bucket back: a unit may have been assigned just before the hour. */
const nextOf = ({ next }: KeptOutcomes, guard: string, nowMs: number): number => next[guard] ?? outcomeBucketOf(nowMs) - 1;

/** Units that some guard still waits for. */
const stillWaitedFor = (units: readonly BucketUnits[], next: Readonly<Record<string, number>>): readonly BucketUnits[] => {
  const first = Math.min(...Object.values(next));
  return units.filter(({ bucket }) => bucket >= first);
};

export interface MaturingDeps {
  readonly rollout: string;
  readonly store: Pick<OutcomeStore, 'counts'>;
  readonly nowMs: number;
  /** The earliest bucket that may still get units, since they are in a block that is not sealed; it is not taken yet. Infinity without any. */
  readonly firstOpenBucket: number;
}

/** Takes every bucket that has matured, once. The store is asked only then: once an hour and guard. Rejects when it fails; nothing is taken then. */
export const takeMatured = async (
  before: KeptOutcomes,
  guards: readonly OutcomeGuard[],
  { rollout, store, nowMs, firstOpenBucket }: MaturingDeps,
): Promise<Matured> => {
  const next: Record<string, number> = {};
  const labelled: Record<string, Labelled> = { ...before.labelled };
  const counts: Record<string, GuardCounts> = {};
  for (const { guard, outcome } of guards) {
    const from = nextOf(before, guard, nowMs);
    const until = Math.max(from, Math.min(firstImmatureBucket(nowMs, outcome.windowMs), firstOpenBucket));
    next[guard] = until;
    if (until === from) continue;
    const recorded = await store.counts({ rollout, outcome: outcome.name, from, to: until - 1 });
    const units = before.units.filter(({ bucket }) => bucket >= from && bucket < until);
    counts[guard] = countGuard(outcome, units, recorded);
    labelled[guard] = addLabelled(labelled[guard], recorded, units);
  }
  return { counts, kept: { units: stillWaitedFor(before.units, next), next, labelled } };
};

/** Units whose outcomes a guard still waits for: sealed ones and those of open blocks. */
export interface WaitingUnits {
  readonly kept: KeptOutcomes;
  readonly open: readonly BucketUnits[];
}

const waitingBuckets = ({ kept, open }: WaitingUnits, guard: string): readonly number[] => {
  const first = kept.next[guard] ?? Number.NEGATIVE_INFINITY;
  return [...kept.units, ...open].map(({ bucket }) => bucket).filter((bucket) => bucket >= first);
};

/** When the first outcomes of a guard mature, milliseconds since the epoch; null while there is no unit that could have one. */
export const firstMatureAtMs = (waiting: WaitingUnits, { guard, outcome }: OutcomeGuard): number | null => {
  const buckets = waitingBuckets(waiting, guard);
  return buckets.length === 0 ? null : maturesAtMs(Math.min(...buckets), outcome.windowMs);
};

/** When the last unit's outcomes mature; null when none is waited for. */
export const lastMatureAtMs = (waiting: WaitingUnits, guards: readonly OutcomeGuard[]): number | null => {
  const times = guards.flatMap(({ guard, outcome }) => waitingBuckets(waiting, guard).map((bucket) => maturesAtMs(bucket, outcome.windowMs)));
  return times.length === 0 ? null : times.reduce((latest, time) => Math.max(latest, time));
};

/** Why the labels of a guard's outcome are not trusted: they reach the arms unequally. Null while they do not, and where only events are posted. */
export const labelAlarmOf = ({ labelled }: KeptOutcomes, { guard, outcome }: OutcomeGuard): string | null => {
  const { strata, hasZero } = labelled[guard] ?? { strata: [], hasZero: false };
  if (outcome.kind === 'rate' && !hasZero) return null;
  const ratio = assessSampleRatio(strata);
  return ratio.ok
    ? null
    : `${outcome.name} came for ${count(ratio.observed)} candidate requests where ${count(Math.round(ratio.expected))} were due: the labels are not trusted`;
};

/** Share of the matured units of each arm that have an outcome; null while none has matured. Absent where no outcome is watched, or where that was not counted. */
export interface LabelJoinRates {
  readonly labelJoinRate0?: number | null;
  readonly labelJoinRate1?: number | null;
}

/** A crash may have lost assignments, not outcomes. */
const shareOf = (labelled: number, due: number): number | null => (due === 0 ? null : Math.min(1, labelled / due));

/** Over all outcomes that are watched together: a unit counts once for each. */
export const labelJoinRatesOf = ({ labelled }: KeptOutcomes, guards: readonly OutcomeGuard[]): LabelJoinRates => {
  const known = guards.map(({ guard }) => labelled[guard] ?? noLabelled);
  const due = known.flatMap((one) => one.due ?? []);
  if (guards.length === 0 || due.length < known.length) return {};
  const joined = addArms(known.flatMap(({ strata }) => strata));
  const all = addArms(due);
  return { labelJoinRate0: shareOf(joined.baseline, all.baseline), labelJoinRate1: shareOf(joined.candidate, all.candidate) };
};
