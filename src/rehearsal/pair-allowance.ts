import { maxPairsPerSecond } from '../pair-sampling.ts';
import type { ComparisonRule } from '../store/traffic-assignment.ts';

/** How many pairs may begin: as live, so many in a second, and none until those that have begun are paid for from the agreed share of a core. */
export interface PairAllowance {
  /** Whether one more may begin in this second of the simulated clock. */
  readonly isOpen: (second: number, rule: Pick<ComparisonRule, 'maxCpuPercent'>) => boolean;
  /** What a pair that begins takes, milliseconds of CPU. */
  readonly spend: (cpuMs: number) => void;
}

/** @param lapse seconds of the plan in a second of the simulated clock */
export const createPairAllowance = (lapse: number): PairAllowance => {
  let at = Number.NaN;
  let pairs = 0;
  let owedMs = 0;
  const begin = (second: number, earnedMs: number): void => {
    // The first second begins with what it earns, as the live budget does.
    owedMs = Number.isNaN(at) ? -earnedMs : Math.max(-earnedMs, owedMs - (second - at) * earnedMs);
    at = second;
    pairs = 0;
  };
  return {
    isOpen: (second, { maxCpuPercent }) => {
      if (second !== at) begin(second, (maxCpuPercent / 100) * lapse * 1_000);
      return pairs < maxPairsPerSecond * lapse && owedMs < 0;
    },
    spend: (cpuMs) => {
      pairs += 1;
      owedMs += cpuMs;
    },
  };
};
