/** One life of a gateway, played again: at which moment of the log a decision was made, and where the counts of a killed life end. */
import { hasCounts } from './cells.ts';
import { assignedText, type BlockEntry, blockText, type CountedBlock, countAssigned, countGuard, statedText } from './counts.ts';
import type { GuardOf } from './guards.ts';
import type { BlockOf, DecisionOf } from './ledger.ts';
import type { Life } from './raw-log.ts';
import type { Tally } from './tally.ts';

/** A decision is made from what was observed at most this long before it. */
const decidedWithinMs = 2_500;
/** Where the end of the counts of a killed life is looked for, before the last record. */
const lostWithinMs = 2_500;

export interface LifeOf {
  readonly life: Life;
  readonly tally: Tally;
  readonly guards: readonly GuardOf[];
  readonly watchedOutputs: readonly string[];
  readonly blockSeconds: number;
  /** The ledger's blocks of this life. */
  readonly blocks: readonly BlockOf[];
  /** The decisions that were made in it. */
  readonly decisions: readonly DecisionOf[];
  readonly isKilled: boolean;
}

const blockOf = ({ blockSeconds }: LifeOf, second: number): number => Math.floor(second / blockSeconds);

const secondsOf = (of: LifeOf, block: number, before: number) =>
  [...of.tally.seconds].filter(([second]) => blockOf(of, second) === block && second < before).map(([, cells]) => cells);

/** A block of the tally, cut before a second, with the pins that the ledger states for it. */
export const countBlock = (of: LifeOf, { number, block, counts }: BlockEntry, before = Number.POSITIVE_INFINITY): CountedBlock => {
  const seconds = secondsOf(of, block, before);
  const one = (guard: GuardOf) => {
    const pins = counts[guard.name]?.pins ?? {};
    return { counts: countGuard(guard, seconds, { pins, watchedOutputs: of.watchedOutputs }), pins };
  };
  return { number, seconds, guards: Object.fromEntries(of.guards.map((guard) => [guard.name, one(guard)])) };
};

/** Blocks with counts before a second, beside those that are known. */
export const blocksBeside = (of: LifeOf, known: readonly BlockEntry[], before = Number.POSITIVE_INFINITY): readonly number[] => {
  const counted = [...of.tally.seconds].filter(([second, cells]) => second < before && hasCounts(cells)).map(([second]) => blockOf(of, second));
  return [...new Set(counted)].filter((block) => known.every((entry) => entry.block !== block));
};

/** Whether the tally is now what the ledger says. The newest block is the one that differs, and its assignments show it at once. */
const isWhole = (of: LifeOf): boolean => {
  const newestFirst = of.blocks.map(({ body }) => body).toReversed();
  return (
    newestFirst.every(({ block, assigned }) => assignedText(countAssigned(secondsOf(of, block, Number.POSITIVE_INFINITY))) === assignedText(assigned)) &&
    newestFirst.every((body) => blockText(of.guards, countBlock(of, body)) === statedText(of.guards, body)) &&
    blocksBeside(of, newestFirst).length === 0
  );
};

/** The open blocks of a decision as they are at this moment of the log; null when they are not what it saw. */
const openBlocksAt = (of: LifeOf, { sequence, body }: DecisionOf, nowSecond: number): readonly CountedBlock[] | null => {
  const { open } = body.evidence;
  const counted = open.map((block) => countBlock(of, block, nowSecond));
  const isSame = open.every((block, index) => statedText(of.guards, block) === blockText(of.guards, counted[index]));
  const known = [...open, ...of.blocks.filter((entry) => entry.sequence < sequence).map((entry) => entry.body)];
  return isSame && blocksBeside(of, known, nowSecond).length === 0 ? counted : null;
};

/** A moment of the log: after one record and before the next. */
interface Moment {
  /** 0 before the first record. */
  readonly atMs: number;
  /** When the next record came; null after the last. */
  readonly nextMs: number | null;
}

/** The seconds of the clock at this moment, as far as the decision may have seen them. */
const secondsAt = ({ life }: LifeOf, decision: DecisionOf, { atMs, nextMs }: Moment): readonly number[] => {
  const decidedMs = Date.parse(decision.at) - life.originMs + 50;
  const untilMs = Math.min(nextMs ?? decidedMs, decidedMs);
  if (atMs > decidedMs || untilMs < decidedMs - decidedWithinMs) return [];
  const from = Math.floor(Math.max(atMs, decidedMs - decidedWithinMs) / 1_000);
  return Array.from({ length: Math.floor(untilMs / 1_000) - from + 1 }, (_, index) => from + index);
};

const tryDecisions = (of: LifeOf, moment: Moment, matches: Map<DecisionOf, readonly CountedBlock[]>): void => {
  for (const decision of of.decisions.filter((waiting) => !matches.has(waiting))) {
    const counted = secondsAt(of, decision, moment).flatMap((nowSecond) => {
      const found = openBlocksAt(of, decision, nowSecond);
      return found === null ? [] : [found];
    });
    if (counted[0] !== undefined) matches.set(decision, counted[0]);
  }
};

export interface Played {
  /** The open blocks of each decision for which a moment was found. */
  readonly decided: ReadonlyMap<DecisionOf, readonly CountedBlock[]>;
  /** How long before the last record of a killed life the first one came that is not in its counts; null when no moment has them. */
  readonly lostMs: number | null;
}

/** Takes the records of a life; of a killed one only those that are in its counts. */
export const playLife = (of: LifeOf): Played => {
  const { life, tally, isKilled } = of;
  const endMs = life.records.at(-1)?.atMs ?? 0;
  const decided = new Map<DecisionOf, readonly CountedBlock[]>();
  tryDecisions(of, { atMs: 0, nextMs: life.records[0]?.atMs ?? null }, decided);
  for (const [index, record] of life.records.entries()) {
    const nextMs = life.records[index + 1]?.atMs ?? null;
    tally.take(record);
    tryDecisions(of, { atMs: record.atMs, nextMs }, decided);
    if (isKilled && record.atMs >= endMs - lostWithinMs && isWhole(of)) return { decided, lostMs: endMs - (nextMs ?? endMs) };
  }
  return { decided, lostMs: isKilled ? null : 0 };
};
