/** The counts of a block by guard, from the seconds of a tally and from an entry of the ledger, in one form in which they can be compared. */

import type { CountedPair, SecondTally } from './cells.ts';
import type { GuardOf } from './guards.ts';
import type { ArmTally, PairTally, Strata } from './kernel.ts';
import type { Arm } from './raw-log.ts';

/** What was fixed when the block began. */
export interface Pins {
  readonly latencyEdges?: readonly Readonly<Record<Arm, number>>[];
  readonly firstEventRate?: number;
}

export interface GuardCounts {
  readonly units: Strata;
  readonly firstEvents: Strata;
  readonly pairs: readonly PairTally[];
  /** Pairs of both versions as the candidate's, those of the baseline with itself as the baseline's. */
  readonly differences: Strata;
}

/** A block as it was counted anew. */
export interface CountedBlock {
  /** Of the rollout's blocks. */
  readonly number: number;
  readonly guards: Readonly<Record<string, { readonly counts: GuardCounts; readonly pins: Pins }>>;
  readonly seconds: readonly SecondTally[];
}

/** A block's body in the ledger. */
export interface BlockEntry {
  readonly number: number;
  readonly emptyBefore: number;
  readonly incarnation: string;
  readonly block: number;
  readonly from: string;
  readonly counts: Readonly<Record<string, StatedCounts>>;
  readonly assigned: readonly { readonly w: number; readonly baseline: number; readonly candidate: number }[];
}

interface StatedStratum {
  readonly w: number;
  readonly baseline: ArmTally;
  readonly candidate: ArmTally;
}

export interface StatedCounts extends Partial<Pick<GuardCounts, 'pairs'>> {
  readonly units?: readonly StatedStratum[];
  readonly differences?: readonly StatedStratum[];
  readonly firstEvents?: readonly StatedStratum[];
  readonly pins?: Pins;
}

const noArm: ArmTally = { n: 0, events: 0, pending: 0 };

const addArm = (a: ArmTally, b: ArmTally): ArmTally => ({ n: a.n + b.n, events: a.events + b.events, pending: a.pending + b.pending });

const strataOf = (cells: readonly { readonly w: number; readonly arm: Arm; readonly tally: ArmTally }[]): Strata => {
  const strata = new Map<number, { readonly baseline: ArmTally; readonly candidate: ArmTally }>();
  for (const { w, arm, tally } of cells) {
    const known = strata.get(w) ?? { baseline: noArm, candidate: noArm };
    strata.set(w, { ...known, [arm]: addArm(known[arm], tally) });
  }
  return strata;
};

type EventOfRun = (runs: NonNullable<CountedPair['runs']>, arm: Arm) => boolean;

const pairCell = (runs: CountedPair['runs'], event: EventOfRun): keyof PairTally => {
  if (runs === null) return 'pending';
  if (event(runs, 'candidate')) return event(runs, 'baseline') ? 'both' : 'candidateOnly';
  return event(runs, 'baseline') ? 'baselineOnly' : 'neither';
};

const pairsOf = (pairs: readonly CountedPair[], event: EventOfRun): PairTally => {
  const tally = { both: 0, candidateOnly: 0, baselineOnly: 0, neither: 0, pending: 0 };
  for (const { runs } of pairs) tally[pairCell(runs, event)] += 1;
  return tally;
};

/** The kind of event that a guard counts in requests; null for none. */
const eventOf = ({ kind, output }: GuardOf, watchedOutputs: readonly string[]): string | null => {
  if (kind === 'errorRate') return 'error';
  if (kind === 'breachRate') return 'breach';
  if (kind === 'abstainRate') return 'abstained';
  return kind === 'outputRate' ? `flagged ${watchedOutputs.indexOf(output ?? '')}` : null;
};

const unitsOf = (seconds: readonly SecondTally[], kind: string): Strata =>
  strataOf(
    seconds.flatMap(({ units }) => units.map(({ w, arm, n, done, events }) => ({ w, arm, tally: { n, events: events.get(kind) ?? 0, pending: n - done } }))),
  );

const firstEventsOf = (seconds: readonly SecondTally[], kind: string): Strata =>
  strataOf(
    seconds.flatMap(({ firstEvents }) =>
      firstEvents.map(({ w, arm, pending, events }) => ({ w, arm, tally: { n: (events.get(kind) ?? 0) + pending, events: events.get(kind) ?? 0, pending } })),
    ),
  );

const guardPairs = ({ kind }: GuardOf, pairs: readonly CountedPair[], { latencyEdges = [] }: Pins): readonly PairTally[] => {
  const both = pairs.filter(({ isSelf }) => !isSelf);
  const counting = both.filter(({ counts }) => counts);
  if (kind === 'latency') return latencyEdges.map((edge) => pairsOf(both, (runs, arm) => runs[arm].bucket >= edge[arm]));
  if (kind === 'errorRate') return [pairsOf(counting, (runs, arm) => runs[arm].error)];
  return kind === 'breachRate' ? [pairsOf(counting, (runs, arm) => runs[arm].breach)] : [];
};

/** One compared request in five is run by the baseline twice: a draw of 32 bits below this. */
const selfDraws = Math.ceil(2 ** 32 / 5);

const differencesOf = (pairs: readonly CountedPair[], rule: number): Strata => {
  const arm = (of: readonly CountedPair[]): ArmTally => ({
    n: of.length,
    events: of.filter(({ differ }) => differ?.[rule] === true).length,
    pending: of.filter(({ ended }) => !ended).length,
  });
  const compared = pairs.filter(({ comparedFirst }) => comparedFirst);
  if (compared.length === 0) return new Map();
  return new Map([
    [1 - selfDraws / 2 ** 32, { candidate: arm(compared.filter(({ isSelf }) => !isSelf)), baseline: arm(compared.filter(({ isSelf }) => isSelf)) }],
  ]);
};

/** The counts of one guard over the seconds of a block. */
export const countGuard = (
  guard: GuardOf,
  seconds: readonly SecondTally[],
  of: { readonly pins: Pins; readonly watchedOutputs: readonly string[] },
): GuardCounts => {
  const kind = eventOf(guard, of.watchedOutputs);
  const pairs = seconds.flatMap((second) => [...second.pairs.values()]);
  return {
    units: kind === null ? new Map() : unitsOf(seconds, kind),
    firstEvents: kind === null ? new Map() : firstEventsOf(seconds, kind),
    pairs: guardPairs(guard, pairs, of.pins),
    differences: guard.kind === 'disagreement' ? differencesOf(pairs, guard.difference) : new Map(),
  };
};

/** An entry's counts in the form of the tally's. */
const statedCounts = (stated: StatedCounts = {}): GuardCounts => {
  const strata = (list: readonly StatedStratum[] = []): Strata => new Map(list.map(({ w, baseline, candidate }) => [w, { baseline, candidate }]));
  return {
    units: strata(stated.units),
    firstEvents: strata(stated.firstEvents),
    pairs: stated.pairs ?? [],
    differences: strata(stated.differences),
  };
};

const armText = ({ n, events, pending }: ArmTally): string => `${n}/${events}/${pending}`;

const strataText = (strata: Strata): string =>
  [...strata]
    .filter(([, { baseline, candidate }]) => baseline.n + candidate.n > 0)
    .sort(([a], [b]) => a - b)
    .map(([w, { baseline, candidate }]) => `${w}: baseline ${armText(baseline)} candidate ${armText(candidate)}`)
    .join(', ');

const pairText = ({ both, candidateOnly, baselineOnly, neither, pending }: PairTally): string =>
  [both, candidateOnly, baselineOnly, neither, pending].join('/');

/** Counts as one text, equal for equal counts: what is zero is left out. */
const countsText = ({ units, firstEvents, pairs, differences }: GuardCounts): string => {
  const slots = pairs.map(pairText);
  return [
    `units ${strataText(units)}`,
    `first events ${strataText(firstEvents)}`,
    `pairs ${slots.some((slot) => slot !== '0/0/0/0/0') ? slots.join(' ') : ''}`,
    `differences ${strataText(differences)}`,
  ].join('; ');
};

/** A block as it was counted anew as one text. */
export const blockText = (guards: readonly GuardOf[], block: CountedBlock | undefined): string =>
  [
    `assigned ${assignedText(countAssigned(block?.seconds ?? []))}`,
    ...guards.map(({ name }) => `${name}: ${countsText(block?.guards[name]?.counts ?? statedCounts())}`),
  ].join('\n');

/** The same of a block of the ledger. */
export const statedText = (guards: readonly GuardOf[], { counts, assigned }: Pick<BlockEntry, 'counts' | 'assigned'>): string =>
  [`assigned ${assignedText(assigned)}`, ...guards.map(({ name }) => `${name}: ${countsText(statedCounts(counts[name]))}`)].join('\n');

/** The assignments of a block as one text. */
export const assignedText = (assigned: BlockEntry['assigned']): string =>
  assigned
    .filter(({ baseline, candidate }) => baseline + candidate > 0)
    .toSorted((a, b) => a.w - b.w)
    .map(({ w, baseline, candidate }) => `${w}: ${baseline}/${candidate}`)
    .join(', ');

export const countAssigned = (seconds: readonly SecondTally[]): BlockEntry['assigned'] => {
  const strata = strataOf(seconds.flatMap(({ units }) => units.map(({ w, arm, n }) => ({ w, arm, tally: { n, events: 0, pending: 0 } }))));
  return [...strata].map(([w, { baseline, candidate }]) => ({ w, baseline: baseline.n, candidate: candidate.n }));
};
