import { expect, test } from 'vitest';
import { acceptanceSchema } from '../../src/bundle/acceptance.ts';
import { boundsOf } from '../../src/control-plane/bounds.ts';

const boundsOfCriteria = (...criteria: readonly object[]) =>
  boundsOf(
    acceptanceSchema.parse({
      apiVersion: 'handoff/v1',
      kind: 'Acceptance',
      criteria: criteria.map((criterion, index) => ({ name: `c${index}`, ...criterion })),
    }),
  );

test('are shares of the requests that may be slow, one a quantile', () => {
  const latency = { metric: { kind: 'latency', quantiles: [0.5] }, compareTo: 'baseline', margin: { relative: 0.1 }, appliesTo: ['live'] };
  expect(boundsOfCriteria({ ...latency, bound: { p50Ms: 5, p95Ms: 30, p99Ms: 60 } })).toEqual([
    { criterion: 'c0', objective: 'p50Ms', limit: 0.5, event: { kind: 'slow', limitMs: 5 } },
    { criterion: 'c0', objective: 'p95Ms', limit: 0.05, event: { kind: 'slow', limitMs: 30 } },
    { criterion: 'c0', objective: 'p99Ms', limit: 0.01, event: { kind: 'slow', limitMs: 60 } },
  ]);
});

test('are shares that may fail, be rejected, abstain, or have an output', () => {
  expect(
    boundsOfCriteria(
      { metric: { kind: 'errorRate' }, bound: { max: 0.01 }, appliesTo: ['live'] },
      { metric: { kind: 'breachRate' }, bound: { max: 0.02 }, appliesTo: ['live'] },
      { metric: { kind: 'abstainRate' }, bound: { max: 0.03 }, appliesTo: ['live'] },
      { metric: { kind: 'outputRate', output: 'flagged' }, bound: { min: 0.25, max: 0.5 }, appliesTo: ['live'] },
    ),
  ).toEqual([
    { criterion: 'c0', objective: 'max', limit: 0.01, event: { kind: 'error' } },
    { criterion: 'c1', objective: 'max', limit: 0.02, event: { kind: 'breach' } },
    { criterion: 'c2', objective: 'max', limit: 0.03, event: { kind: 'abstained' } },
    { criterion: 'c3', objective: 'max', limit: 0.5, event: { kind: 'output', output: 'flagged', is: true } },
    { criterion: 'c3', objective: 'min', limit: 0.75, event: { kind: 'output', output: 'flagged', is: false } },
  ]);
});

test('are none of a criterion that is held offline, or against the baseline alone', () => {
  const errors = { metric: { kind: 'errorRate' }, compareTo: 'baseline', margin: { absolute: 0.002 }, appliesTo: ['live'] };
  const flagged = { metric: { kind: 'outputRate', output: 'flagged' }, bound: { max: 0.5 }, appliesTo: ['offline'] };
  expect(boundsOfCriteria(errors, flagged)).toEqual([]);
});
