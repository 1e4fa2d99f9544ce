/** What the calculator reads of a ledger: what was agreed, weights, where blocks are; and what it holds its own findings against. */
import type { BlockEntry } from './counts.ts';
import type { Evidence } from './evidence.ts';
import type { Agreed, GuardOf } from './guards.ts';

export interface LedgerEntry {
  readonly sequence: number;
  /** Wall time. */
  readonly at: string;
  readonly rollout: string;
  readonly kind: string;
  readonly body: object;
}

export type BlockOf = LedgerEntry & { readonly body: BlockEntry & Evidence };

interface StatedFinding {
  readonly name: string;
  readonly lnE: number;
  readonly lnGraduation: number;
  readonly source: string;
  readonly examples: readonly string[];
  readonly likelyStart: { readonly block: number; readonly from: string } | null;
}

interface DecisionEvidence {
  readonly open: readonly BlockEntry[];
  readonly findings: { readonly lnE: number; readonly guards: readonly StatedFinding[] };
}

type Decision = LedgerEntry & {
  readonly body: {
    readonly move: string;
    readonly epoch: number;
    readonly toWeightHundredths: number;
    readonly rules?: Agreed & { readonly guards: readonly StatedGuard[] };
    readonly evidence?: DecisionEvidence;
  };
};

/** A decision of the engine, made from evidence. */
export type DecisionOf = LedgerEntry & { readonly body: { readonly move: string; readonly evidence: DecisionEvidence } };

interface StatedGuard {
  readonly name: string;
  readonly rollback: readonly StatedTest[];
  readonly promotion: readonly StatedTest[];
}

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

/** A rollout in a ledger. */
export interface RolloutLedger {
  readonly rules: Agreed & { readonly guards: readonly StatedGuard[] };
  readonly blocks: readonly BlockOf[];
  readonly decisions: readonly DecisionOf[];
  /** Weight by epoch, hundredths of a percent. */
  readonly weights: ReadonlyMap<number, number>;
  readonly isRolledBack: boolean;
}

export const rolloutIn = (ledger: readonly LedgerEntry[], rollout: string): RolloutLedger => {
  const own = ledger.filter((entry) => entry.rollout === rollout);
  const decisions = own.filter((entry): entry is Decision => entry.kind === 'decision');
  const rules = decisions.find(({ body }) => body.rules !== undefined)?.body.rules;
  if (rules === undefined) throw new Error('the ledger has no rules of the rollout');
  return {
    rules,
    blocks: own.filter((entry): entry is BlockOf => entry.kind === 'block'),
    decisions: decisions.filter((entry): entry is Decision & DecisionOf => entry.body.evidence !== undefined),
    weights: new Map(decisions.map(({ body }) => [body.epoch, body.toWeightHundredths])),
    isRolledBack: decisions.some(({ body }) => body.move === 'rollback'),
  };
};

const sorted = (test: Readonly<Record<string, unknown>>): string => JSON.stringify(Object.entries(test).sort(([a], [b]) => (a < b ? -1 : 1)));

/** Shares are rounded: they may have been added up in another order. */
const rounded = ({ weight, hazard }: { readonly weight: number; readonly hazard: number }) => ({
  weight: weight.toPrecision(12),
  hazard: hazard.toPrecision(12),
});

/** All tests of all guards as one text. */
export const testsText = (guards: readonly GuardOf[]): string =>
  guards.flatMap(({ name, rollback, promotion }) => [...rollback, ...promotion].map((test) => `${name} ${sorted({ ...test, ...rounded(test) })}`)).join('\n');

/** The same of the rules in the ledger. */
export const statedTestsText = (guards: readonly StatedGuard[]): string =>
  guards
    .flatMap(({ name, rollback, promotion }) =>
      [...rollback, ...promotion].map(({ hypothesis, grid, source, family, side, slot, ...shares }) => {
        const bets = grid.first === 0.0125 ? grid.count : Number.NaN;
        return `${name} ${sorted({ source, family, side, slot, bets, ...hypothesis, ...rounded(shares) })}`;
      }),
    )
    .join('\n');
