import type { OutputRow } from '../guards/compile-outputs.ts';
import type { ServingModel } from '../registry.ts';
import type { AttemptFailure } from '../rescue.ts';
import { type Assignment, thresholdOf } from '../routing/assign.ts';
import type { Evidence, PendingUnit } from './evidence.ts';
import { keyHashOfHex } from './key-hash.ts';

/** An assigned request, as far as evidence goes. */
export interface AssignedRequest {
  readonly assignment: Assignment;
  /** 64-bit keyed hash of the routing key, 16 hexadecimal characters; null without one. */
  readonly routingKeyHash: string | null;
  readonly eligible: boolean;
  /** Wall time of the assignment, milliseconds. */
  readonly assignedAtMs: number;
}

/** Counts a request at its assignment; null when it is no evidence. Pinned versions count for nothing, not even as eligible. */
export const beginUnit = (evidence: Evidence, { traffic: { rollout } }: ServingModel, request: AssignedRequest): PendingUnit | null => {
  const { assignment, routingKeyHash, eligible, assignedAtMs } = request;
  if (rollout === null || assignment.arm === null) return null;
  evidence.eligibility(rollout.id, eligible);
  if (!assignment.evidence) return null;
  return evidence.begin({
    rollout: rollout.id,
    threshold: thresholdOf(rollout.weightHundredths),
    arm: assignment.arm,
    watchedOutputs: rollout.watchedOutputs.length,
    assignedAtMs,
    keyed: routingKeyHash === null || assignment.draw === null ? null : { key: keyHashOfHex(routingKeyHash), draw: assignment.draw },
  });
};

/** What the caller got; null when nothing. */
export interface UnitAnswer {
  readonly rows: readonly OutputRow[];
  readonly abstained: number;
}

/** Counts how a request ended: the attempt's failure for the assigned arm, the outputs of whoever answered. */
export const endUnit = (
  unit: PendingUnit | null,
  { traffic: { rollout } }: ServingModel,
  { failure, answer, requestId }: { readonly failure: AttemptFailure | null; readonly answer: UnitAnswer | null; readonly requestId?: string },
): void =>
  unit?.end({
    requestId,
    error: failure !== null && failure !== 'breach',
    breach: failure === 'breach',
    abstained: (answer?.abstained ?? 0) > 0,
    flagged: (output) => {
      const name = rollout?.watchedOutputs[output] ?? '';
      return (answer?.rows ?? []).some((row) => row[name] === true);
    },
  });
