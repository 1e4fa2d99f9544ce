import type { NewDecision, RolloutRecord } from '../../src/store/rollout-store.ts';

/** A record of `card-fraud` at revision 1, with changes. */
export const recordWith = (changes: Partial<RolloutRecord> = {}): RolloutRecord => ({
  model: 'card-fraud',
  rollout: '01JZZZZZZZZZZZZZZZZZZZZZZZ',
  attempt: 1,
  phase: 'pending',
  baseline: '1.4.0',
  baselineDigest: null,
  candidate: '2.0.0',
  candidateDigest: 'c'.repeat(64),
  planDigest: 'p'.repeat(64),
  plan: '{"steps":[]}',
  weightHundredths: 0,
  step: 0,
  heldFor: null,
  signal: null,
  stepElapsedMs: 0,
  stepStartUnits: 0,
  bakeElapsedMs: 0,
  acceptance: '{"criteria":[],"faults":[]}',
  epoch: 1,
  revision: 1,
  reason: 'the plan was accepted: “ünïcode”',
  changedAtMs: 1_767_225_600_123,
  ...changes,
});

/** The decision that leads to a record, with changes. */
export const decisionFor = (record: RolloutRecord, changes: Partial<NewDecision> = {}): NewDecision => ({
  model: record.model,
  rollout: record.rollout,
  move: 'set-weight',
  actor: 'someone',
  reason: record.reason,
  atMs: record.changedAtMs,
  fromWeightHundredths: 0,
  toWeightHundredths: record.weightHundredths,
  epoch: record.epoch,
  revision: record.revision,
  ...changes,
});
