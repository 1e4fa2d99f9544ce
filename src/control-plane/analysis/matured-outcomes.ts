import type { ArmCounts } from './strata.ts';

/** How long a label may take, and how long it may be on its way after that. Milliseconds. */
export interface OutcomeWindow {
  readonly windowMs: number;
  readonly graceMs: number;
}

/** A day: labels are posted by batch jobs. */
export const defaultGraceMs = 86_400_000;

/** Whether the requests assigned up to `assignedUntilMs` have had their whole window and grace: only then do they enter the evidence. */
export const isMature = (assignedUntilMs: number, nowMs: number, { windowMs, graceMs }: OutcomeWindow): boolean =>
  nowMs - assignedUntilMs >= windowMs + graceMs;

/** Whether a label counts: observed within the window after the assignment (a clock that runs ahead is an age of 0) and arrived before maturity. */
export const labelCounts = (
  label: { readonly assignedMs: number; readonly observedMs: number; readonly arrivedMs: number },
  { windowMs, graceMs }: OutcomeWindow,
): boolean => {
  const ageMs = Math.max(0, label.observedMs - label.assignedMs);
  return ageMs <= windowMs && label.arrivedMs - label.assignedMs < windowMs + graceMs;
};

/**
 * A rate at maturity: no label is no event. A crash may have lost assignments, not labels, so events are held at n.
 * A mean needs no such step: it counts only the requests that have a label.
 */
export const maturedRate = ({ n, events }: { readonly n: number; readonly events: number }): ArmCounts => ({ n, events: Math.min(events, n), pending: 0 });
