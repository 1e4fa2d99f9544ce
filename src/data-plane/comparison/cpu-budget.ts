/** What the comparison may take of one core: time is earned by the clock and spent as it was measured, so one dear pair is paid for by a pause after it. */
export interface CpuBudget {
  /** Milliseconds until there is something to spend; 0 when there is. */
  readonly opensInMs: () => number;
  readonly spend: (cpuMs: number) => void;
}

/** What may be saved up for later: a second of the share, so that a quiet hour earns no long burst. */
const savedSeconds = 1;

/** @param maxPercent of one core, above 0 */
export const createCpuBudget = ({ maxPercent, monotonicMs }: { readonly maxPercent: number; readonly monotonicMs: () => number }): CpuBudget => {
  const share = maxPercent / 100;
  const mostMs = share * savedSeconds * 1_000;
  let balanceMs = mostMs;
  let lastMs = monotonicMs();
  const earn = (): void => {
    const nowMs = monotonicMs();
    balanceMs = Math.min(mostMs, balanceMs + (nowMs - lastMs) * share);
    lastMs = nowMs;
  };
  return {
    opensInMs: () => {
      earn();
      return balanceMs > 0 ? 0 : -balanceMs / share + 1;
    },
    spend: (cpuMs) => {
      earn();
      balanceMs -= cpuMs;
    },
  };
};
