import type { Assessment, GuardrailState } from '../../src/control-plane/assessment.ts';

/** The guardrail `errors` with a verdict and the numbers of a healthy candidate. */
export const errorsGuardrail = (verdict: GuardrailState['verdict']): GuardrailState => ({
  name: 'errors',
  verdict,
  baseline: { n: 9_100, events: 31, value: 31 / 9_100 },
  candidate: { n: 1_020, events: 4, value: 4 / 1_020 },
  effect: 0.0005,
  interval: [-0.003, 0.006],
  evidence: 1.1,
  graduation: 3.2,
});

/** An assessment of a healthy candidate with much traffic, with changes. */
export const assessmentWith = (changes: Partial<Assessment> = {}): Assessment => ({
  evidence: { value: 1.8, threshold: 100 },
  worse: null,
  guardrails: [errorsGuardrail('within-margin')],
  candidateUnits: 1_000_000,
  ineligibleShare: 0,
  notCompared: null,
  sampleRatioAlarm: null,
  labelAlarm: null,
  outcomesDueAtMs: null,
  signal: null,
  storeDown: false,
  ...changes,
});
