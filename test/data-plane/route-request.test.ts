import { describe, expect, test } from 'vitest';
import { createEvidence } from '../../src/data-plane/observe/evidence.ts';
import { createPredictionIds } from '../../src/data-plane/observe/prediction-id.ts';
import type { ServingModel } from '../../src/data-plane/registry.ts';
import { type RouteDeps, routeRequest } from '../../src/data-plane/route-request.ts';
import { createUnrecordedSpan } from '../../src/telemetry/request-span.ts';

const rollout = {
  id: 'a-rollout',
  candidate: '2.0.0',
  weightHundredths: 5_000,
  eligibility: 'partial',
  routingKey: null,
  match: [{ header: 'x-cohort', equals: 'staff' }],
  watchedOutputs: [],
  compare: null,
  bounds: [],
} as const;
// Routing looks at the assignment and at which versions are there, no deeper.
const model = {
  name: 'm',
  traffic: { model: 'm', epoch: 1, baseline: '1.0.0', rollout },
  versions: new Map([
    ['1.0.0', { bundle: { version: '1.0.0' } }],
    ['2.0.0', { bundle: { version: '2.0.0' } }],
  ]),
} as unknown as ServingModel;

const span = createUnrecordedSpan({ traceId: '1'.repeat(32), spanId: '1'.repeat(16), traceparent: '', tracestate: undefined });

const route = (headers: Readonly<Record<string, string>>, eligible: boolean) => {
  const evidence = createEvidence({ monotonicMs: () => 0, incarnation: 'a-life' });
  const predictionIds = createPredictionIds({ key: Buffer.alloc(32, 1), incarnation: Buffer.alloc(4) });
  const deps = { evidence, predictionIds, observer: {} as RouteDeps['observer'], randomU32: () => 0, wallMs: () => 0 };
  const context = {
    header: (name: string) => headers[name],
    routingKey: null,
    requestId: 'a',
    span,
    arrivedMs: 0,
    timeoutMs: null,
    form: { kind: 'rows' } as const,
  };
  const { unit, version } = routeRequest(model, { checked: { rows: [{}], eligible }, pinned: null, context, deps });
  const { eligible: counted, ineligible } = evidence.observe(rollout.id);
  return { isUnit: unit !== null, version: version.bundle.version, counted, ineligible };
};

describe('a request of a cohort', () => {
  const staff = { 'x-cohort': 'staff' };

  test('goes to the candidate and counts for nothing', () => {
    expect(route(staff, true)).toEqual({ isUnit: false, version: '2.0.0', counted: 0, ineligible: 0 });
  });

  test('counts for nothing either when only the baseline can answer it', () => {
    expect(route(staff, false)).toEqual({ isUnit: false, version: '1.0.0', counted: 0, ineligible: 0 });
  });
});

describe('a request that is drawn', () => {
  test('is a unit, and eligible', () => {
    expect(route({}, true)).toEqual({ isUnit: true, version: '2.0.0', counted: 1, ineligible: 0 });
  });

  test('is none when only the baseline can answer it, and counts as ineligible', () => {
    expect(route({}, false)).toEqual({ isUnit: false, version: '1.0.0', counted: 0, ineligible: 1 });
  });
});
