/**
 * Recomputes the evidence of a rollout from the raw event log, and holds every count and e-value of its ledger against that. From the ledger it
 * takes what was agreed (plan and criteria), the weight of each epoch, and where blocks begin and what their numbers are; nothing that was counted.
 */
import { assignedText, type BlockEntry, countAssigned, countGuard, countsText, type Pins, type StatedCounts, statedCounts } from './counts.ts';
import { type CountedBlock, type Evidence, evidenceOf, pinsAfter } from './evidence.ts';
import { type Agreed, type GuardOf, guardsOf } from './guards.ts';
import type { Life, RawRecord } from './raw-log.ts';
import { createTally, Disagreement, type Facts, noKeys, type Tally } from './tally.ts';

export interface LedgerEntry {
  readonly sequence: number;
  /** Wall time. */
  readonly at: string;
  readonly rollout: string;
  readonly kind: string;
  readonly body: object;
}

interface BlockBody extends BlockEntry {
  readonly lnE: number;
  readonly guards: Readonly<Record<string, { readonly lnE: number; readonly lnGraduation: number }>>;
}

interface DecisionBody {
  readonly move: string;
  readonly epoch: number;
  readonly toWeightHundredths: number;
  readonly rules?: Agreed & { readonly guards: readonly object[] };
  readonly evidence?: {
    readonly sealedBlocks: number;
    readonly open: readonly BlockEntry[];
    readonly findings: { readonly lnE: number; readonly guards: readonly { readonly name: string; readonly lnE: number; readonly lnGraduation: number }[] };
  };
}

export interface Given extends Pick<Facts, 'baseline' | 'candidate' | 'isEligible' | 'deadlineMs' | 'predictionKey'> {
  readonly lives: readonly Life[];
  /** The whole ledger, oldest first. */
  readonly ledger: readonly LedgerEntry[];
  readonly rollout: string;
}

export interface Report {
  /** What does not agree, in words; empty when everything does. */
  readonly disagreements: readonly string[];
  readonly blocks: number;
  /** Blocks of the log with counts that have no entry yet. */
  readonly unsealed: number;
  /** Decisions that were made from evidence, with their sequence. */
  readonly decisions: readonly string[];
  /** E-values that were compared. */
  readonly values: number;
  /** Pins that were there, and were what the sealed past makes of them. */
  readonly pins: number;
  readonly seen: Tally['seen'];
  /** Requests of lives that were killed: how long before the last record of the life the first one was received that is not in the counts. */
  readonly lostMs: readonly number[];
  /** The evidence after all sealed blocks. */
  readonly final: Evidence;
}

/** Of e-values; of their logarithms this is the absolute difference. */
const tolerance = 1e-9;

export const recompute = (given: Given): Report => {
  const entries = given.ledger.filter(({ rollout }) => rollout === given.rollout);
  const decisions = entries.flatMap((entry) => (entry.kind === 'decision' ? [{ ...entry, body: entry.body as DecisionBody }] : []));
  const blocks = entries.flatMap((entry) => (entry.kind === 'block' ? [{ ...entry, body: entry.body as BlockBody }] : []));
  const rules = decisions.find(({ body }) => body.rules !== undefined)?.body.rules;
  if (rules === undefined) throw new Error('the ledger has no rules of the rollout');
  const guards = guardsOf(rules);
  const walk = createWalk({ guards, blocks, decisions, blockSeconds: rules.blockSeconds, watchedOutputs: watchedOf(guards) });
  const keys = noKeys();
  const facts: Facts = { ...given, ...factsOf(rules, decisions), watchedOutputs: watchedOf(guards) };
  walk.hold(testsText(guards), testsTextOfLedger(rules.guards), 'the tests of the rollout');
  for (const [index, life] of given.lives.entries()) walk.live(life, { tally: createTally(facts, keys), nextMs: given.lives[index + 1]?.originMs ?? null });
  return walk.report();
};

const watchedOf = (guards: readonly GuardOf[]): readonly string[] => [
  ...new Set(guards.flatMap(({ kind, output }) => (kind === 'outputRate' && output !== null ? [output] : []))),
];

const factsOf = ({ plan }: Agreed, decisions: readonly { readonly body: DecisionBody }[]) => {
  const weights = new Map(decisions.map(({ body }) => [body.epoch, body.toWeightHundredths]));
  return {
    routingKey: plan.routingKey ?? null,
    match: plan.match,
    weightHundredthsAt: (epoch: number): number => {
      const weight = weights.get(epoch);
      if (weight === undefined) throw new Disagreement(`an assignment of epoch ${epoch}, which no decision began`);
      return weight;
    },
  };
};

const testText = (test: object): string => JSON.stringify(Object.entries(test).sort(([a], [b]) => (a < b ? -1 : 1)));

/** All tests of all guards as one text. Weights are rounded: sums of shares may be added up in another order. */
const testsText = (guards: readonly GuardOf[]): string =>
  guards
    .flatMap(({ name, rollback, promotion }) =>
      [...rollback, ...promotion].map(
        ({ weight, hazard, ...test }) => `${name} ${testText({ ...test, weight: weight.toPrecision(12), hazard: hazard.toPrecision(12) })}`,
      ),
    )
    .join('\n');

interface StatedTest {
  readonly source: string;
  readonly family: string;
  readonly hypothesis: object;
  readonly side: number;
  readonly grid: { readonly first: number; readonly count: number };
  readonly hazard: number;
  readonly weight: number;
  readonly slot: number;
}

const testsTextOfLedger = (guards: readonly object[]): string =>
  (guards as readonly { readonly name: string; readonly rollback: readonly StatedTest[]; readonly promotion: readonly StatedTest[] }[])
    .flatMap(({ name, rollback, promotion }) =>
      [...rollback, ...promotion].map(({ source, family, hypothesis, side, grid, hazard, weight, slot }) => {
        const bets = grid.first === 0.0125 ? grid.count : Number.NaN;
        return `${name} ${testText({ source, family, ...hypothesis, side, bets, slot, weight: weight.toPrecision(12), hazard: hazard.toPrecision(12) })}`;
      }),
    )
    .join('\n');

interface WalkOf {
  readonly guards: readonly GuardOf[];
  readonly blocks: readonly (LedgerEntry & { readonly body: BlockBody })[];
  readonly decisions: readonly (LedgerEntry & { readonly body: DecisionBody })[];
  readonly blockSeconds: number;
  readonly watchedOutputs: readonly string[];
}

type Stated = Pick<BlockEntry, 'number' | 'block' | 'counts' | 'assigned'>;
type DecisionOf = LedgerEntry & { readonly body: DecisionBody & { readonly evidence: NonNullable<DecisionBody['evidence']> } };

/** A rollback or an advance is decided from what was observed at most this long before. */
const decidedWithinMs = 2_500;
/** Where the cut of a killed life is looked for. */
const lostWithinMs = 4_000;

const createWalk = ({ guards, blocks, decisions, blockSeconds, watchedOutputs }: WalkOf) => {
  const disagreements: string[] = [];
  const sealed: (CountedBlock & { readonly sequence: number; readonly clock: string; readonly block: number })[] = [];
  const decided: string[] = [];
  const lostMs: number[] = [];
  const seen = { units: 0, later: 0, noEvidence: 0, unassigned: 0, rescued: 0, unanswered: 0, gone: 0 };
  let values = 0;
  let pinned = 0;
  let unsealed = 0;

  const hold = (recomputed: string, stated: string, what: string): void => {
    if (recomputed !== stated) disagreements.push(`${what}: recomputed\n${recomputed}\nstated\n${stated}`);
  };
  const holdValue = (recomputed: number, stated: number, what: string): void => {
    values += 1;
    if (!(Math.abs(recomputed - stated) <= tolerance)) disagreements.push(`${what}: recomputed ${recomputed}, stated ${stated}`);
  };

  const secondsOf = (tally: Tally, block: number, before = Number.POSITIVE_INFINITY) =>
    [...tally.seconds].filter(([second]) => Math.floor(second / blockSeconds) === block && second < before).map(([, cells]) => cells);

  /** A block as the tally has it, with the pins that the ledger states. */
  const countBlock = (tally: Tally, { number, block, counts }: Stated, before?: number): CountedBlock => {
    const seconds = secondsOf(tally, block, before);
    const one = (guard: GuardOf) => {
      const pins = counts[guard.name]?.pins ?? {};
      return { counts: countGuard(guard, seconds, { pins, watchedOutputs }), pins };
    };
    return { number, seconds, guards: Object.fromEntries(guards.map((guard) => [guard.name, one(guard)])) };
  };

  const textOf = ({ guards: counted, seconds }: CountedBlock): string =>
    [`assigned ${assignedText(countAssigned(seconds))}`, ...guards.map(({ name }) => `${name}: ${countsText(counted[name]?.counts ?? statedCounts())}`)].join(
      '\n',
    );
  const statedText = ({ counts, assigned }: Stated): string =>
    [`assigned ${assignedText(assigned)}`, ...guards.map(({ name }) => `${name}: ${countsText(statedCounts(counts[name]))}`)].join('\n');

  /** Pins are of the blocks that were sealed when the block began: of all before it, or of all but the last two, when those had requests under way. */
  const holdPins = (block: CountedBlock, counts: Readonly<Record<string, StatedCounts>>): void => {
    for (const guard of guards) {
      const stated = counts[guard.name];
      if (stated === undefined) continue;
      const pasts = [0, 1, 2].map((left) => sealed.slice(0, Math.max(0, sealed.length - left)));
      const allowed = pasts.map((past) => pinsText(pinsAfter(guard, past)));
      const text = pinsText(stated.pins ?? {});
      if (!allowed.includes(text)) disagreements.push(`pins of ${guard.name} in block ${block.number}: stated ${text}, of the past ${allowed.join(' or ')}`);
      else if (text !== '') pinned += 1;
    }
  };

  const holdEvidence = (of: readonly CountedBlock[], stated: Evidence, what: string): void => {
    const evidence = evidenceOf(guards, of);
    holdValue(evidence.lnE, stated.lnE, `${what}: ln E`);
    for (const { name } of guards) {
      holdValue(evidence.guards[name]?.lnE ?? Number.NaN, stated.guards[name]?.lnE ?? Number.NaN, `${what}: ln E of ${name}`);
      holdValue(evidence.guards[name]?.lnGraduation ?? Number.NaN, stated.guards[name]?.lnGraduation ?? Number.NaN, `${what}: promotion of ${name}`);
    }
  };

  const holdNumber = ({ body }: { readonly body: BlockBody }): void => {
    const last = sealed.at(-1);
    const emptyBefore = body.number - (last?.number ?? 0) - 1;
    hold(String(emptyBefore), String(body.emptyBefore), `empty blocks before ${body.number}`);
    if (last !== undefined && last.clock === body.incarnation)
      hold(String(last.number + body.block - last.block), String(body.number), `the number of block ${body.block} of its life`);
  };

  const takeSealed = (entry: LedgerEntry & { readonly body: BlockBody }, tally: Tally): void => {
    const block = countBlock(tally, entry.body);
    hold(textOf(block), statedText(entry.body), `counts of block ${entry.body.number}`);
    holdPins(block, entry.body.counts);
    holdNumber(entry);
    sealed.push({ ...block, sequence: entry.sequence, clock: entry.body.incarnation, block: entry.body.block });
    holdEvidence(sealed, entry.body, `block ${entry.body.number}`);
  };

  /** Blocks of the tally that have counts before a second, beside those that are known. */
  const extraBlocks = (tally: Tally, known: readonly number[], before: number): readonly number[] => {
    const counted = [...tally.seconds].filter(([second, cells]) => second < before && hasCounts(cells)).map(([second]) => Math.floor(second / blockSeconds));
    return [...new Set(counted)].filter((block) => !known.includes(block));
  };

  const isOf = (life: Life, { body }: { readonly body: BlockEntry }): boolean =>
    Math.abs(Date.parse(body.from) - (life.originMs + body.block * blockSeconds * 1_000)) < 2_000;

  /** What a decision saw, if at this point of the log it could have seen it: else null. */
  const seenBy = (tally: Tally, decision: DecisionOf, { nowSecond, own }: { readonly nowSecond: number; readonly own: readonly BlockBody[] }) => {
    const { open } = decision.body.evidence;
    const counted = open.map((block) => countBlock(tally, block, nowSecond));
    if (!counted.every((block, index) => textOf(block) === statedText(open[index] ?? { number: 0, block: 0, counts: {}, assigned: [] }))) return null;
    return extraBlocks(tally, [...open.map(({ block }) => block), ...own.map(({ block }) => block)], nowSecond).length === 0 ? counted : null;
  };

  const live = (life: Life, { tally, nextMs }: { readonly tally: Tally; readonly nextMs: number | null }): void => {
    const isKilled = nextMs !== null;
    const endMs = life.records.at(-1)?.atMs ?? 0;
    const own = blocks.filter((entry) => isOf(life, entry));
    const waiting = decisions.filter(
      (entry): entry is DecisionOf =>
        entry.body.evidence !== undefined && Date.parse(entry.at) >= life.originMs && Date.parse(entry.at) < (nextMs ?? Number.POSITIVE_INFINITY),
    );
    const matches = new Map<DecisionOf, readonly CountedBlock[]>();

    const tryDecisions = (record: RawRecord, next: RawRecord | undefined): void => {
      for (const decision of waiting) {
        const untilMs = Date.parse(decision.at) - life.originMs + 50;
        if (matches.has(decision) || record.atMs > untilMs || (next?.atMs ?? untilMs) < untilMs - decidedWithinMs) continue;
        const before = own.filter(({ sequence }) => sequence < decision.sequence).map(({ body }) => body);
        for (let nowSecond = Math.floor(record.atMs / 1_000); nowSecond <= Math.floor(Math.min(next?.atMs ?? untilMs, untilMs) / 1_000); nowSecond += 1) {
          const counted = matches.has(decision) ? null : seenBy(tally, decision, { nowSecond, own: before });
          if (counted !== null) matches.set(decision, counted);
        }
      }
    };
    const isWhole = (): boolean =>
      own.every(({ body }) => textOf(countBlock(tally, body)) === statedText(body)) &&
      extraBlocks(
        tally,
        own.map(({ body }) => body.block),
        Number.POSITIVE_INFINITY,
      ).length === 0;

    const cut = runThrough(life, { tally, endMs, isKilled, isWhole, tryDecisions });
    if (cut === null)
      disagreements.push(`no moment of the last seconds of a killed life has the counts of the ledger: ${own.map(({ body }) => statedText(body)).join('\n')}`);
    else if (isKilled) lostMs.push(endMs - cut);
    for (const key of Object.keys(seen) as (keyof typeof seen)[]) seen[key] += tally.seen[key];
    const ended = decisions.some(({ body }) => body.move === 'rollback');
    if (!isKilled && !ended)
      unsealed = extraBlocks(
        tally,
        own.map(({ body }) => body.block),
        Number.POSITIVE_INFINITY,
      ).length;
    // In the order of the ledger, so that each decision finds the blocks before it.
    const happened = [
      ...own.map((entry) => ({ sequence: entry.sequence, take: () => takeSealed(entry, tally) })),
      ...waiting.map((entry) => ({ sequence: entry.sequence, take: () => takeDecision(entry, matches.get(entry)) })),
    ];
    for (const { take } of happened.toSorted((a, b) => a.sequence - b.sequence)) take();
  };

  const takeDecision = (decision: DecisionOf, counted: readonly CountedBlock[] | undefined): void => {
    decided.push(keyOf(decision));
    const { findings, open } = decision.body.evidence;
    if (counted === undefined) {
      disagreements.push(`${decision.body.move}: no moment before it has the counts of its open blocks: ${open.map(statedText).join('\n')}`);
      return;
    }
    for (const [index, block] of counted.entries()) holdPins(block, open[index]?.counts ?? {});
    holdEvidence(
      [...sealed, ...counted],
      { lnE: findings.lnE, guards: Object.fromEntries(findings.guards.map((guard) => [guard.name, guard])) },
      decision.body.move,
    );
  };

  return {
    hold,
    live,
    report: (): Report => ({
      disagreements: [
        ...disagreements,
        ...(sealed.length === blocks.length ? [] : [`${blocks.length - sealed.length} blocks of the ledger are of no life of the log`]),
      ],
      blocks: sealed.length,
      unsealed,
      decisions: decided,
      values,
      pins: pinned,
      seen,
      lostMs,
      final: evidenceOf(guards, sealed),
    }),
  };
};

const keyOf = ({ sequence, body }: { readonly sequence: number; readonly body: DecisionBody }): string => `${sequence} ${body.move}`;

const pinsText = ({ latencyEdges, firstEventRate, noiseFloor }: Pins): string =>
  [latencyEdges?.map(({ baseline, candidate }) => `${baseline}-${candidate}`).join(' '), firstEventRate, noiseFloor]
    .filter((part) => part !== undefined)
    .join();

const hasCounts = ({ units, firstEvents, pairs }: ReturnType<Tally['seconds']['get']> & object): boolean =>
  units.some(({ n }) => n > 0) || firstEvents.some(({ pending, events }) => pending + events.size > 0) || pairs.size > 0;

interface RunOf {
  readonly tally: Tally;
  readonly endMs: number;
  readonly isKilled: boolean;
  readonly isWhole: () => boolean;
  readonly tryDecisions: (record: RawRecord, next: RawRecord | undefined) => void;
}

/** Takes the records of a life; of a killed one only those that are in the counts. @returns the time of the first record that is not; null for no such moment */
const runThrough = ({ records }: Life, { tally, endMs, isKilled, isWhole, tryDecisions }: RunOf): number | null => {
  for (const [index, record] of records.entries()) {
    tally.take(record);
    tryDecisions(record, records[index + 1]);
    if (isKilled && record.atMs >= endMs - lostWithinMs && isWhole()) return records[index + 1]?.atMs ?? endMs;
  }
  return isKilled && !isWhole() ? null : endMs;
};
