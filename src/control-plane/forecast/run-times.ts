/*
 * A supposed law of run times, for forecasts alone: no test of a rollout knows it. A run takes its version's time, times an
 * input that both runs of a pair share (sd 0.3 of the logarithm), times noise of its own (sd 0.15); 3 % of runs are slow, four times as long.
 * It is the law under which the paired latency test was tried out; identical versions then need some 21,000 pairs to be within a margin of 10 %.
 */

const inputSd = 0.3;
const ownSd = 0.15;
const slowShare = 0.03;
const slowFactor = 4;

/** A candidate's run, as a function of a baseline's: `factor` times as long and `addMs` more. */
export interface Slowness {
  readonly factor: number;
  readonly addMs: number;
}

/** As fast as the baseline. */
export const asFast: Slowness = { factor: 1, addMs: 0 };

/** Abramowitz, Stegun 7.1.26: absolute error below 1.5e-7. */
const errorFunction = (x: number): number => {
  const t = 1 / (1 + 0.3275911 * Math.abs(x));
  const series = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))));
  return Math.sign(x) * (1 - series * Math.exp(-x * x));
};

const normalSurvival = (z: number): number => (1 - errorFunction(z / Math.SQRT2)) / 2;

/** Share of runs that take at least `ms`, given the time that a typical run of this input takes. */
const ownSurvival = (ms: number, typicalMs: number): number => {
  if (ms <= 0) return 1;
  const log = Math.log(ms / typicalMs);
  return (1 - slowShare) * normalSurvival(log / ownSd) + slowShare * normalSurvival((log - Math.log(slowFactor)) / ownSd);
};

/** Inputs of a pair with their probabilities: 81 points over four standard deviations to either side. */
const inputs = Array.from({ length: 81 }, (_, index) => {
  const z = (index - 40) / 10;
  return { factor: Math.exp(inputSd * z), probability: (Math.exp((-z * z) / 2) / Math.sqrt(2 * Math.PI)) * 0.1 };
});

const survival = (ms: number, runMs: number): number => inputs.reduce((sum, { factor, probability }) => sum + probability * ownSurvival(ms, runMs * factor), 0);

/** The time that a share q of the baseline's runs exceeds, milliseconds: by bisection. */
const thresholdMs = (q: number, runMs: number): number => {
  let [low, high] = [0, runMs * 100];
  for (let round = 0; round < 60; round += 1) {
    const middle = (low + high) / 2;
    if (survival(middle, runMs) > q) low = middle;
    else high = middle;
  }
  return high;
};

/** Shares of pairs by which run was slow: they sum to 1. */
export interface PairShares {
  readonly both: number;
  readonly candidateOnly: number;
  readonly baselineOnly: number;
  readonly neither: number;
}

/** Pairs in which each run has the event on its own. */
export const independentPairs = (baseline: number, candidate: number): PairShares => ({
  both: baseline * candidate,
  candidateOnly: candidate * (1 - baseline),
  baselineOnly: baseline * (1 - candidate),
  neither: (1 - baseline) * (1 - candidate),
});

const addShares = (a: PairShares, b: PairShares, weight: number): PairShares => ({
  both: a.both + weight * b.both,
  candidateOnly: a.candidateOnly + weight * b.candidateOnly,
  baselineOnly: a.baselineOnly + weight * b.baselineOnly,
  neither: a.neither + weight * b.neither,
});

/** What a latency slot compares: the baseline's slowest share q, at a margin. */
export interface SlotMargin {
  readonly q: number;
  readonly relative: number;
  readonly atLeastMs: number;
  /** Median run of the baseline, milliseconds. */
  readonly runMs: number;
}

/** The expected shares of pairs of one latency slot. */
export const latencyPairs = ({ q, relative, atLeastMs, runMs }: SlotMargin, { factor, addMs }: Slowness): PairShares => {
  const edgeMs = thresholdMs(q, runMs);
  const candidateEdgeMs = (Math.max(edgeMs * (1 + relative), edgeMs + atLeastMs) - addMs) / factor;
  const none: PairShares = { both: 0, candidateOnly: 0, baselineOnly: 0, neither: 0 };
  return inputs.reduce(
    (sum, input) =>
      addShares(sum, independentPairs(ownSurvival(edgeMs, runMs * input.factor), ownSurvival(candidateEdgeMs, runMs * input.factor)), input.probability),
    none,
  );
};
