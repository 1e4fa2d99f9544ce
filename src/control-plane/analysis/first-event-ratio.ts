import type { Harm } from './hypothesis.ts';

/**
 * The baseline's rate from which an absolute margin becomes a relative one, from sealed counts: (events + 1) / (n + 1).
 * Pinned at the start of a block, so it is predictable.
 */
export const firstEventRate = ({ n, events }: { readonly n: number; readonly events: number }): number => (events + 1) / (n + 1);

/**
 * The relative margin rho0 of a first-event test: 1 + harm delta (n + 1) / (events + 1) for an absolute margin.
 *
 * A key's first event has no absolute margin of its own: susceptible keys deplete.
 * @returns 0 or less when the margin allows the rate to vanish: then the test is silent
 * @see Lindon, Malek 2022 (conditional on an event, the arm is a coin)
 */
export const firstEventRatio = (harm: Harm, delta: number, pinnedRate: number): number => 1 + (harm * delta) / pinnedRate;
