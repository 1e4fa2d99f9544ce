import type { DecisionBody, DecisionEntry, LedgerContent } from '../ledger/ledger-entry.ts';
import type { Decision, NewDecision, RolloutRecord } from './rollout-store.ts';

const contentOf = ({ atMs, model, rollout }: NewDecision, body: DecisionBody): LedgerContent => ({
  at: new Date(atMs).toISOString(),
  model,
  rollout,
  kind: 'decision',
  body,
});

const decidedBy = ({ move, actor, reason, fromWeightHundredths, toWeightHundredths, epoch, revision }: NewDecision) => ({
  move,
  actor,
  reason,
  fromWeightHundredths,
  toWeightHundredths,
  epoch,
  revision,
});

/** A decision and the state that it led to, as the ledger keeps them. */
export const decisionEntry = (
  decision: NewDecision,
  { attempt, phase, baseline, candidate, candidateDigest, planDigest, step }: RolloutRecord,
): LedgerContent =>
  contentOf(decision, {
    ...decidedBy(decision),
    migrated: false,
    state: { attempt, phase, baseline, candidate, candidateDigest, planDigest, step },
    ...(decision.rules === undefined ? {} : { rules: decision.rules }),
    ...(decision.evidence === undefined ? {} : { evidence: decision.evidence }),
  });

/** A decision that was kept before there was a chain: its time is its own, its seal is of the migration. */
export const migratedEntry = (decision: NewDecision): LedgerContent => contentOf(decision, { ...decidedBy(decision), migrated: true });

/** A ledger entry read as a decision. */
export const decisionOf = ({ sequence, at, model, rollout, body }: DecisionEntry): Decision => ({
  sequence,
  model,
  rollout,
  move: body.move,
  actor: body.actor,
  reason: body.reason,
  atMs: Date.parse(at),
  fromWeightHundredths: body.fromWeightHundredths,
  toWeightHundredths: body.toWeightHundredths,
  epoch: body.epoch,
  revision: body.revision,
});
