/** Time and chance, injected everywhere so that no test waits or flakes. The only reader of the machine's clocks and random source. */
export interface Clock {
  /** Milliseconds since the Unix epoch: for display, prediction ids and outcome ages only. */
  readonly wallMs: () => number;
  /** Milliseconds on a clock that never jumps: for deadlines and durations. */
  readonly monotonicMs: () => number;
}

export const systemClock: Clock = {
  wallMs: () => Date.now(),
  monotonicMs: () => performance.now(),
};
