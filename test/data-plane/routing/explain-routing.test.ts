import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { assign } from '../../../src/data-plane/routing/assign.ts';
import { explainRouting } from '../../../src/data-plane/routing/explain-routing.ts';
import type { TrafficAssignment } from '../../../src/store/traffic-assignment.ts';

const trafficAt = (weightHundredths: number): TrafficAssignment => ({
  model: 'm',
  baseline: '1.0.0',
  epoch: 3,
  rollout: {
    id: '01JABCDEFGHJKMNPQRSTVWXYZ0',
    candidate: '2.0.0',
    weightHundredths,
    eligibility: 'partial',
    routingKey: { header: 'x-routing-key' },
    match: [],
    watchedOutputs: [],
    compare: null,
    bounds: [],
  },
});

describe('explainRouting', () => {
  it('names the arm that the request path gives, and the bucket below the weight', () => {
    fc.assert(
      fc.property(fc.string(), fc.integer({ min: 0, max: 10_000 }), (key, weight) => {
        const explained = explainRouting(trafficAt(weight), { model: 'm', key });
        const assigned = assign(trafficAt(weight), { pinned: null, eligible: true, matched: false, key, randomU32: () => 0 });
        return explained.arm === assigned?.arm && (explained.arm === 'candidate') === (explained.bucket ?? -1) < weight;
      }),
      { seed: 1 },
    );
  });

  it('has no bucket without a rollout', () => {
    expect(explainRouting({ ...trafficAt(5_000), rollout: null }, { model: 'm', key: 'k' })).toEqual({
      key: 'k',
      bucket: null,
      weight: 0,
      arm: 'baseline',
      epoch: 3,
      rollout: null,
    });
  });

  it.each([
    { weight: 0, arm: 'baseline' },
    { weight: 1, arm: null },
    { weight: 9_999, arm: null },
    { weight: 10_000, arm: 'candidate' },
  ])('has no bucket without a routing key in the plan, and at $weight hundredths the arm $arm', ({ weight, arm }) => {
    const traffic = trafficAt(weight);
    const keyless = { ...traffic, rollout: traffic.rollout && { ...traffic.rollout, routingKey: null } };
    expect(explainRouting(keyless, { model: 'm', key: 'k' })).toMatchObject({ bucket: null, arm });
  });

  it('says the weight in percent', () => {
    expect(explainRouting(trafficAt(1_050), { model: 'm', key: 'k' })).toMatchObject({ weight: 10.5, epoch: 3, rollout: '01JABCDEFGHJKMNPQRSTVWXYZ0' });
  });

  it('knows no model without traffic', () => {
    expect(() => explainRouting(undefined, { model: 'm', key: 'k' })).toThrow(expect.objectContaining({ type: 'model-not-found' }));
  });

  it('is not ready without a baseline', () => {
    expect(() => explainRouting({ ...trafficAt(1), baseline: null }, { model: 'm', key: 'k' })).toThrow(expect.objectContaining({ type: 'model-not-ready' }));
  });
});
