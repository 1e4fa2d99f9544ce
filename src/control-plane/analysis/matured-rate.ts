import type { ArmCounts } from './strata.ts';

/**
 * A rate at maturity: no label is no event. A crash may have lost assignments, not labels, so events are held at n.
 * A mean needs no such step: it counts only the requests that have a label.
 */
export const maturedRate = ({ n, events }: { readonly n: number; readonly events: number }): ArmCounts => ({ n, events: Math.min(events, n), pending: 0 });
