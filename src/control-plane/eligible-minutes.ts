import type { Observation } from '../store/observation.ts';

/** Which of the requests of the last hour could go to the candidate at all. Pure. */
export interface EligibleMinutes {
  /** Eligible and ineligible requests of each of the last sixty minutes in which the engine ticked, newest last. */
  readonly minutes: readonly { readonly minute: number; readonly eligible: number; readonly ineligible: number }[];
  /** Where this life's counters stood. */
  readonly counted: { readonly eligible: number; readonly ineligible: number };
}

const minutesKept = 60;

/** The minutes with one more observation. */
export const addEligible = (
  { minutes, counted }: EligibleMinutes,
  { nowSecond, eligible, ineligible }: Pick<Observation, 'nowSecond' | 'eligible' | 'ineligible'>,
): EligibleMinutes => {
  const minute = Math.floor(nowSecond / 60);
  const last = minutes.at(-1);
  const base = last?.minute === minute ? last : { minute, eligible: 0, ineligible: 0 };
  const now = { minute, eligible: base.eligible + eligible - counted.eligible, ineligible: base.ineligible + ineligible - counted.ineligible };
  return { minutes: [...(last?.minute === minute ? minutes.slice(0, -1) : minutes), now].slice(-minutesKept), counted: { eligible, ineligible } };
};

/** Share of ineligible requests in the last hour of ticked minutes; null without requests. */
export const ineligibleShareOf = ({ minutes }: Pick<EligibleMinutes, 'minutes'>): number | null => {
  const ineligible = minutes.reduce((sum, entry) => sum + entry.ineligible, 0);
  const all = minutes.reduce((sum, entry) => sum + entry.eligible, ineligible);
  return all === 0 ? null : ineligible / all;
};
