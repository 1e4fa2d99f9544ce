/** The guards of a rollout and their tests, made from what the ledger says was agreed, by the rules of the statistics alone. */
import type { Bet } from './kernel.ts';

export interface AgreedPlan {
  readonly model: string;
  readonly compare: { readonly share: number };
  readonly routingKey?: { readonly header: string } | { readonly field: string };
  readonly match: readonly { readonly header: string; readonly equals: string }[];
  /** Durations in milliseconds. */
  readonly steps: readonly {
    readonly setWeight?: number;
    readonly analysis?: { readonly deadline: number };
    readonly shadow?: { readonly duration: number };
    readonly pause?: { readonly duration?: number };
  }[];
}

interface Criterion {
  readonly name: string;
  readonly metric: { readonly kind: Kind; readonly output?: string; readonly quantiles?: readonly number[]; readonly harm?: 'lower' | 'higher' };
  readonly compareTo?: string;
  readonly margin?: { readonly absolute?: number; readonly relative?: number; readonly atLeastMs?: number };
  readonly appliesTo: readonly string[];
}

type Kind = 'errorRate' | 'breachRate' | 'latency' | 'outputRate' | 'abstainRate' | 'disagreement' | 'outcomeRate' | 'outcomeMean';

export interface Agreed {
  readonly plan: AgreedPlan;
  readonly acceptance: { readonly criteria: readonly Criterion[] };
  readonly blockSeconds: number;
}

/** A bet on the counts of one source. */
export interface Test extends Bet {
  readonly source: 'units' | 'firstEvents' | 'pairs' | 'differences' | 'values';
  readonly family: 'assignment' | 'first-event' | 'outcome';
  readonly hazard: number;
  readonly weight: number;
  readonly slot: number;
}

export interface GuardOf {
  readonly name: string;
  readonly kind: Kind;
  readonly weight: number;
  readonly output: string | null;
  /** Of disagreement guards: its number among them. */
  readonly difference: number;
  readonly latency: { readonly slots: readonly number[]; readonly relative: number; readonly atLeastMs: number } | null;
  readonly rollback: readonly Test[];
  readonly promotion: readonly Test[];
}

const rawWeights: Readonly<Record<Kind, number>> = {
  errorRate: 0.35,
  latency: 0.35,
  breachRate: 0.2,
  outputRate: 0.2,
  abstainRate: 0.2,
  disagreement: 0.2,
  outcomeRate: 0.2,
  outcomeMean: 0.2,
};

/** A falling rate that is counted from 0 cannot fall by more than all of it: 8 bets; pairs have 8 too, everything else 12. */
const betsOf = (harm: number, c0: number): number => (harm === -1 && c0 === 0 ? 8 : 12);

/** A margin below 0 is a gain that the promotion asks for; nobody is rolled back for lacking it. */
const betOf = ({ margin = {} }: Criterion, harm: 1 | -1, side: 1 | -1): Bet => {
  const held = (value: number): number => (side === 1 ? Math.max(0, value) : value);
  const { absolute, relative = 0 } = margin;
  const rho0 = absolute === undefined ? Math.max(0, 1 + harm * held(relative)) : 1;
  return { harm, rho0, delta: absolute === undefined ? 0 : held(absolute), c0: 0, side, bets: betsOf(harm, 0) };
};

type Draft = Omit<Test, 'hazard' | 'weight'> & { readonly part: number };

const slotsOf = ({ metric }: Criterion): readonly number[] => (metric.quantiles ?? []).map((quantile) => Math.round((1 - quantile) * 1e9) / 1e9);

const draftsOf = (criterion: Criterion, side: 1 | -1): readonly Draft[] => {
  const { kind, harm } = criterion.metric;
  const units = { source: 'units', family: 'assignment', slot: 0, part: 1 } as const;
  const direction = harm === 'lower' ? -1 : 1;
  switch (kind) {
    case 'outputRate':
    case 'abstainRate':
      return [1, -1].map((way) => ({ ...units, ...betOf(criterion, way === 1 ? 1 : -1, side), part: 1 / 2 }));
    case 'latency': {
      const slots = slotsOf(criterion);
      const bet = { harm: 1, rho0: 1, delta: 0, c0: 0, side, bets: 8 } as const;
      return slots.map((_, slot) => ({ ...units, ...bet, source: 'pairs', slot, part: 1 / slots.length }));
    }
    case 'disagreement':
      return [{ ...units, ...betOf(criterion, 1, side), source: 'differences', bets: 8 }];
    case 'outcomeRate':
      return [{ ...units, ...betOf(criterion, direction, side), family: 'outcome' }];
    case 'outcomeMean':
      return [{ ...units, ...betOf(criterion, direction, side), bets: 12, family: 'outcome', source: 'values' }];
    default:
      return [{ ...units, ...betOf(criterion, 1, side) }];
  }
};

/** With keys, half of a guard's weight is for first events of keys; with pairs, half of what is left is for them. */
const shared = (draft: Draft, kind: Kind, { keyed, compared }: { readonly keyed: boolean; readonly compared: boolean }): readonly Draft[] => {
  if (draft.source !== 'units') return [draft];
  const own = keyed ? draft.part / 2 : draft.part;
  const inPairs = compared && (kind === 'errorRate' || kind === 'breachRate');
  return [
    { ...draft, part: inPairs ? own / 2 : own },
    ...(inPairs ? [{ ...draft, source: 'pairs', bets: 8, part: own / 2 } as const] : []),
    ...(keyed ? [{ ...draft, source: 'firstEvents', family: 'first-event', part: draft.part / 2 } as const] : []),
  ];
};

/** A pause that waits for a person is planned as a day. */
const pausedMs = ({ duration = 86_400_000 }: { readonly duration?: number }): number => duration;

const plannedMs = ({ steps }: AgreedPlan): number =>
  steps.reduce(
    (sum, { analysis, shadow, pause }) => sum + (analysis?.deadline ?? 0) + (shadow?.duration ?? 0) + (pause === undefined ? 0 : pausedMs(pause)),
    0,
  );

/** The guards of a rollout, in the order of its criteria. */
export const guardsOf = ({ plan, acceptance, blockSeconds }: Agreed): readonly GuardOf[] => {
  const live = acceptance.criteria.filter(({ appliesTo, compareTo }) => appliesTo.includes('live') && compareTo !== undefined);
  const raw = live.map(({ metric: { kind } }) => rawWeights[kind] / live.filter(({ metric }) => metric.kind === kind).length);
  const sum = raw.reduce((total, weight) => total + weight, 0);
  const way = { keyed: plan.routingKey !== undefined, compared: plan.compare.share > 0 || plan.steps.some(({ shadow }) => shadow !== undefined) };
  const hazard = 1 / Math.max(1, Math.ceil(plannedMs(plan) / (blockSeconds * 1_000)));
  const differences = live.filter(({ metric }) => metric.kind === 'disagreement');
  return live.map((criterion, index) => {
    const { name, metric, margin } = criterion;
    const weight = (raw[index] ?? 0) / sum;
    const finish = ({ part, ...draft }: Draft): Test => ({ ...draft, hazard: draft.side === 1 ? hazard : 0, weight: draft.side === 1 ? weight * part : 0 });
    return {
      name,
      kind: metric.kind,
      weight,
      output: metric.output ?? null,
      difference: differences.indexOf(criterion),
      latency: metric.kind === 'latency' ? { slots: slotsOf(criterion), relative: margin?.relative ?? 0, atLeastMs: margin?.atLeastMs ?? 0 } : null,
      rollback: draftsOf(criterion, 1)
        .flatMap((draft) => shared(draft, metric.kind, way))
        .map(finish),
      promotion: draftsOf(criterion, -1).map(finish),
    };
  });
};
