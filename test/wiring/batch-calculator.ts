/**
 * Recomputes the evidence of a rollout from the raw event log, and holds every count and e-value of its ledger against that. From the ledger it
 * takes what was agreed (plan and criteria), the weight of each epoch, and where blocks begin and what their numbers are; nothing that was counted.
 */
import { Disagreement, type Facts } from './assignment-rules.ts';
import { noKeys } from './cells.ts';
import { type Evidence, evidenceOf } from './evidence.ts';
import { type Findings, hold, holdBlock, holdDecision, noFindings } from './findings.ts';
import { type GuardOf, guardsOf } from './guards.ts';
import { type LedgerEntry, type RolloutLedger, rolloutIn, statedTestsText, testsText } from './ledger.ts';
import { blocksBeside, countBlock, type LifeOf, playLife } from './life.ts';
import type { Life } from './raw-log.ts';
import { createTally, nothingSeen, type Seen } from './tally.ts';

export interface Given extends Pick<Facts, 'rollout' | 'baseline' | 'candidate' | 'isEligible' | 'deadlineMs' | 'predictionKey'> {
  /** Every one but the last was killed. */
  readonly lives: readonly Life[];
  /** The whole ledger, oldest first. */
  readonly ledger: readonly LedgerEntry[];
}

export interface Report extends Pick<Findings, 'disagreements' | 'decisions' | 'values' | 'starts' | 'pins'> {
  /** Blocks of the ledger that were recomputed. */
  readonly blocks: number;
  /** Blocks of the log with counts that have no entry yet. */
  readonly unsealed: number;
  readonly seen: Seen;
  /** Of each killed life how long before its last record the first one came that is not in the counts. */
  readonly lostMs: readonly number[];
  /** Requests that decisions name as failed, and that failed. */
  readonly examples: number;
  /** The evidence after all sealed blocks. */
  readonly final: Evidence;
}

export const recompute = (given: Given): Report => {
  const ledger = rolloutIn(given.ledger, given.rollout);
  const guards = guardsOf(ledger.rules);
  const facts = factsOf(given, ledger, guards);
  const findings = noFindings();
  hold(findings, 'the tests of the rollout', [testsText(guards), statedTestsText(ledger.rules.guards)]);
  const keys = noKeys();
  const lives = given.lives.map((life, index) => {
    const nextMs = given.lives[index + 1]?.originMs ?? null;
    const blocks = ledger.blocks.filter(({ body }) => isBegunIn(life, body, ledger));
    const decisions = ledger.decisions.filter(({ at }) => Date.parse(at) >= life.originMs && Date.parse(at) < (nextMs ?? Number.POSITIVE_INFINITY));
    const { blockSeconds } = ledger.rules;
    return { life, guards, blockSeconds, blocks, decisions, watchedOutputs: facts.watchedOutputs, tally: createTally(facts, keys), isKilled: nextMs !== null };
  });
  const lostMs = lives.flatMap((life) => holdLife(findings, life));
  const last = lives.at(-1);
  const examples = holdExamples(findings, given, ledger);
  return {
    ...findings,
    blocks: findings.sealed.length,
    unsealed:
      last === undefined || ledger.isRolledBack
        ? 0
        : blocksBeside(
            last,
            last.blocks.map(({ body }) => body),
          ).length,
    disagreements: [...findings.disagreements, ...strayBlocks(findings, ledger)],
    seen: lives.reduce((sum, { tally }) => addSeen(sum, tally.seen), nothingSeen()),
    lostMs,
    examples,
    final: evidenceOf(guards, findings.sealed),
  };
};

const watchedOf = (guards: readonly GuardOf[]): readonly string[] => [
  ...new Set(guards.flatMap(({ kind, output }) => (kind === 'outputRate' && output !== null ? [output] : []))),
];

const factsOf = (given: Given, { rules: { plan }, weights }: RolloutLedger, guards: readonly GuardOf[]): Facts => ({
  ...given,
  routingKey: plan.routingKey ?? null,
  match: plan.match,
  watchedOutputs: watchedOf(guards),
  weightHundredthsAt: (epoch) => {
    const weight = weights.get(epoch);
    if (weight === undefined) throw new Disagreement(`an assignment of epoch ${epoch}, which no decision began`);
    return weight;
  },
});

/** Wall times of the ledger are for people; two lives are further apart than their rounding. */
const isBegunIn = ({ originMs }: Life, { from, block }: { readonly from: string; readonly block: number }, { rules }: RolloutLedger): boolean =>
  Math.abs(Date.parse(from) - (originMs + block * rules.blockSeconds * 1_000)) < 2_000;

/** Plays a life and holds its part of the ledger against it, in the order of the ledger. */
const holdLife = (findings: Findings, of: LifeOf): readonly number[] => {
  const { decided, lostMs } = playLife(of);
  if (lostMs === null) findings.disagreements.push('no moment of the last seconds of a killed life has the counts of the ledger');
  const parts = [
    ...of.blocks.map((entry) => ({ ...entry, take: () => holdBlock(findings, of.guards, [countBlock(of, entry.body), entry]) })),
    ...of.decisions.map((entry) => ({ ...entry, take: () => holdDecision(findings, of.guards, [decided.get(entry) ?? null, entry]) })),
  ];
  for (const { take } of parts.toSorted((a, b) => a.sequence - b.sequence)) take();
  return of.isKilled && lostMs !== null ? [lostMs] : [];
};

/** Requests that a decision names for errors or rejected output are requests of the candidate that failed. */
const holdExamples = ({ disagreements }: Findings, { lives }: Given, { decisions, rules }: RolloutLedger): number => {
  const records = lives.flatMap((life) => life.records);
  const ofCandidate = new Set(records.flatMap((record) => (record.kind === 'assigned' && record.arm === 'candidate' ? [record.requestId] : [])));
  const failed = new Set(records.flatMap((record) => (record.kind === 'failed' && record.failure !== null ? [record.requestId] : [])));
  const failing = guardsOf(rules).flatMap(({ kind, name }) => (kind === 'errorRate' || kind === 'breachRate' ? [name] : []));
  const named = decisions.flatMap(({ body }) =>
    body.evidence.findings.guards.flatMap(({ name, source, examples }) => (failing.includes(name) && source === 'units' ? examples : [])),
  );
  for (const id of named) if (!ofCandidate.has(id) || !failed.has(id)) disagreements.push(`example ${id} is no failed request of the candidate`);
  return named.length;
};

const strayBlocks = ({ sealed }: Findings, { blocks }: RolloutLedger): readonly string[] =>
  sealed.length === blocks.length ? [] : [`${blocks.length - sealed.length} blocks of the ledger are of no life of the log`];

const addSeen = (sum: Seen, seen: Seen): Seen => ({
  units: sum.units + seen.units,
  later: sum.later + seen.later,
  noEvidence: sum.noEvidence + seen.noEvidence,
  unassigned: sum.unassigned + seen.unassigned,
  rescued: sum.rescued + seen.rescued,
  late: sum.late + seen.late,
  unanswered: sum.unanswered + seen.unanswered,
  gone: sum.gone + seen.gone,
});
