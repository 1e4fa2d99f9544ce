import { coinGridOf, pairedGrid } from './bet-grid.ts';
import { type GuardCriterion, type GuardMargin, harmOf } from './guard-criterion.ts';
import type { CountSource, EvidenceFamily, Guard, GuardTest } from './guard-test.ts';
import { guardWeights } from './guard-weights.ts';
import type { BetGrid, Harm, Hypothesis, Side } from './hypothesis.ts';

/** What of a rollout's plan shapes its tests. Fixed at the start. */
export interface GuardPlan {
  readonly criteria: readonly GuardCriterion[];
  /** The plan names a routing key: late regressions of known keys are found by their first event. */
  readonly keyed: boolean;
  /** A comparison sample is drawn: errors and breaches are also tested in pairs. */
  readonly compared: boolean;
  /** Planned number of blocks of the whole rollout; the hazard is one in that many. */
  readonly plannedBlocks: number;
}

const defaultQuantiles = [0.5, 0.8, 0.95, 0.99];
const defaultCentre = 0.5;

/** The tests of every criterion, with their shares of alpha. */
export const buildGuards = (plan: GuardPlan): readonly Guard[] => {
  const weights = guardWeights(plan.criteria.map(({ kind }) => kind));
  return plan.criteria.map((criterion, index) => buildGuard(criterion, weights[index] ?? 0, plan));
};

const buildGuard = (criterion: GuardCriterion, weight: number, plan: GuardPlan): Guard => {
  const slots = criterion.kind === 'latency' ? (criterion.quantiles ?? defaultQuantiles).map(survivalOf) : [];
  const margin = criterion.kind === 'latency' ? { atLeastMs: 0, ...criterion.margin } : criterion.margin;
  const rollback = draftsOf(criterion, slots, 1).flatMap((draft) => withCompanions(draft, criterion, plan));
  const hazard = 1 / Math.max(plan.plannedBlocks, 1);
  const finish = (draft: Draft, side: Side): GuardTest =>
    finishTest(draft, { criterion, side, hazard: side === 1 ? hazard : 0, weight: side === 1 ? weight * draft.part : 0 });
  return {
    name: criterion.name,
    kind: criterion.kind,
    margin,
    weight,
    slots,
    rollback: rollback.map((draft) => finish(draft, 1)),
    promotion: draftsOf(criterion, slots, -1).map((draft) => finish(draft, -1)),
  };
};

/** 1 - 0.95 is not 0.05 in binary; a slot is named by its share, so it is rounded. */
const survivalOf = (quantile: number): number => Number((1 - quantile).toFixed(9));

interface Draft {
  readonly source: CountSource;
  readonly family: EvidenceFamily;
  readonly hypothesis: Hypothesis;
  readonly grid: BetGrid;
  readonly slot: number;
  /** Share of the guard's weight. */
  readonly part: number;
  readonly suffix: string;
}

const finishTest = (
  { suffix, part: _part, ...draft }: Draft,
  { criterion, ...rest }: { criterion: GuardCriterion; side: Side; hazard: number; weight: number },
): GuardTest => {
  const direction = rest.side === 1 ? 'rollback' : 'promotion';
  return { id: [criterion.name, direction, draft.source, suffix].filter(Boolean).join('/'), guard: criterion.name, kind: criterion.kind, ...draft, ...rest };
};

/** The relative and absolute margin of a hypothesis. A wanted improvement (negative margin) binds the promotion only. */
const hypothesisOf = (margin: GuardMargin, harm: Harm, side: Side): Hypothesis => {
  const held = (value: number): number => (side === 1 ? Math.max(0, value) : value);
  if ('absolute' in margin) return { harm, rho0: 1, delta: held(margin.absolute), c0: 0 };
  // A rate cannot fall by more than all of it: a negative ratio would turn the bets round and find harm in every event.
  return { harm, rho0: Math.max(0, 1 + harm * held(margin.relative)), delta: 0, c0: 0 };
};

const coinDraft = (hypothesis: Hypothesis, rest: Partial<Draft> = {}): Draft => ({
  source: 'units',
  family: 'assignment',
  hypothesis,
  grid: coinGridOf(hypothesis),
  slot: 0,
  part: 1,
  suffix: '',
  ...rest,
});

/** The tests of a criterion before its companions. Their parts sum to 1. */
const draftsOf = (criterion: GuardCriterion, slots: readonly number[], side: Side): readonly Draft[] => {
  switch (criterion.kind) {
    case 'errorRate':
    case 'breachRate':
      return [coinDraft(hypothesisOf(criterion.margin, 1, side))];
    case 'outputRate':
    case 'abstainRate': {
      const words = criterion.harm ? [criterion.harm] : (['higher', 'lower'] as const);
      return words.map((word) => coinDraft(hypothesisOf(criterion.margin, harmOf(word), side), { part: 1 / words.length, suffix: word }));
    }
    case 'latency':
      return slots.map((q, slot) => coinDraft(noMargin, { source: 'pairs', grid: pairedGrid, slot, part: 1 / slots.length, suffix: String(q) }));
    case 'disagreement':
      return [coinDraft(hypothesisOf(criterion.margin, 1, side), { source: 'differences', grid: pairedGrid })];
    case 'outcomeRate':
      return [coinDraft(hypothesisOf(criterion.margin, harmOf(criterion.harm), side), { family: 'outcome' })];
    case 'outcomeMean': {
      const hypothesis = { ...hypothesisOf(criterion.margin, harmOf(criterion.harm), side), c0: criterion.historicalMean ?? defaultCentre };
      return [coinDraft(hypothesis, { source: 'values', family: 'outcome', grid: coinGridOf(hypothesis) })];
    }
  }
};

/** In pairs the margin is in the thresholds. */
const noMargin: Hypothesis = { harm: 1, rho0: 1, delta: 0, c0: 0 };

/** Adds the tests that share a rollback test's weight: first events take half of it, pairs half of what is left to the assignment order. */
const withCompanions = (draft: Draft, criterion: GuardCriterion, plan: GuardPlan): readonly Draft[] => {
  if (draft.source !== 'units') return [draft];
  const inPairs = plan.compared && (criterion.kind === 'errorRate' || criterion.kind === 'breachRate');
  const own = plan.keyed ? draft.part / 2 : draft.part;
  const drafts: Draft[] = [{ ...draft, part: inPairs ? own / 2 : own }];
  if (inPairs) drafts.push({ ...draft, source: 'pairs', grid: pairedGrid, part: own / 2 });
  if (plan.keyed) drafts.push({ ...draft, source: 'firstEvents', family: 'first-event', part: draft.part / 2 });
  return drafts;
};
