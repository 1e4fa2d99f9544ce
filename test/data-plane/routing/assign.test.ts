import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { assign, bucketOf, drawOf, type RoutingInput, thresholdOf } from '../../../src/data-plane/routing/assign.ts';
import type { TrafficAssignment } from '../../../src/store/traffic-assignment.ts';

const rolloutId = '01JABCDEFGHJKMNPQRSTVWXYZ0';
const u32Range = 2 ** 32;
const weights = fc.integer({ min: 0, max: 10_000 });
const draws = fc.integer({ min: 0, max: u32Range - 1 });

const trafficAt = (weightHundredths: number): TrafficAssignment => ({
  model: 'card-fraud',
  baseline: '1.4.0',
  epoch: 7,
  rollout: {
    id: rolloutId,
    candidate: '2.0.0',
    weightHundredths,
    eligibility: 'partial',
    routingKey: null,
    match: [],
    watchedOutputs: [],
    compare: null,
    bounds: [],
  },
});

const drawOfRequest = drawOf(rolloutId, 'customer-1');

const request = (changes: Partial<RoutingInput> = {}): RoutingInput => ({
  pinned: null,
  eligible: true,
  matched: false,
  key: 'customer-1',
  randomU32: () => 0,
  ...changes,
});

const armAt = (weightHundredths: number, changes: Partial<RoutingInput> = {}) => assign(trafficAt(weightHundredths), request(changes))?.arm;

describe('thresholdOf', () => {
  it('is exactly ceil(B * 2^32 / 10000) for every weight', () => {
    for (let weight = 0; weight <= 10_000; weight += 1) expect(BigInt(thresholdOf(weight))).toBe((BigInt(weight) * 2n ** 32n + 9_999n) / 10_000n);
  });

  it('is nothing at 0 and everything at 100 %', () => {
    expect([thresholdOf(0), thresholdOf(10_000)]).toEqual([0, u32Range]);
  });
});

describe('bucketOf', () => {
  it('is exactly floor(u * 10000 / 2^32)', () => {
    fc.assert(
      fc.property(draws, (draw) => BigInt(bucketOf(draw)) === (BigInt(draw) * 10_000n) / 2n ** 32n),
      { seed: 1 },
    );
  });

  it('is below the weight exactly when the draw is below the threshold', () => {
    fc.assert(
      fc.property(draws, weights, (draw, weight) => bucketOf(draw) < weight === draw < thresholdOf(weight)),
      { seed: 1 },
    );
  });

  it('changes sides exactly at the threshold', () => {
    for (let weight = 1; weight < 10_000; weight += 1) {
      const threshold = thresholdOf(weight);
      expect([bucketOf(threshold - 1), bucketOf(threshold)]).toEqual([weight - 1, weight]);
    }
  });

  it('spreads keys evenly: chi-square over 100 classes of 100,000 keys is below its 99.9 % quantile', () => {
    const classes = 100;
    const keys = 100_000;
    const counts = new Array<number>(classes).fill(0);
    for (let index = 0; index < keys; index += 1) {
      const place = Math.floor(bucketOf(drawOf(rolloutId, `customer-${index}`)) / (10_000 / classes));
      counts[place] = (counts[place] ?? 0) + 1;
    }
    const chiSquare = counts.reduce((sum, count) => sum + (count - keys / classes) ** 2 / (keys / classes), 0);
    // 99 degrees of freedom.
    expect(chiSquare).toBeLessThan(148.23);
  });

  it('spreads the same keys anew in another rollout: no class of one is a class of the other', () => {
    let both = 0;
    const keys = 20_000;
    for (let index = 0; index < keys; index += 1) {
      if (drawOf('01JAAAAAAAAAAAAAAAAAAAAAA1', `k${index}`) < thresholdOf(1_000) && drawOf('01JAAAAAAAAAAAAAAAAAAAAAA2', `k${index}`) < thresholdOf(1_000))
        both += 1;
    }
    // Binomial(20000, 0.01): 200, give or take 3.3 standard deviations of 14.1.
    expect(Math.abs(both - 200)).toBeLessThan(47);
  });
});

describe('assign', () => {
  it('splits 10,000 keys at weight 10 within the binomial 99.9 % interval', () => {
    let candidates = 0;
    for (let index = 0; index < 10_000; index += 1) if (armAt(1_000, { key: `customer-${index}` }) === 'candidate') candidates += 1;
    // 1000 plus or minus 3.29 standard deviations of 30.
    expect(candidates).toBeGreaterThan(901);
    expect(candidates).toBeLessThan(1_099);
  });

  it('lets no key leave the candidate when the weight rises', () => {
    fc.assert(
      fc.property(fc.string(), weights, weights, (key, one, other) => {
        const [low, high] = [Math.min(one, other), Math.max(one, other)];
        return armAt(low, { key }) === 'baseline' || armAt(high, { key }) === 'candidate';
      }),
      { seed: 1 },
    );
  });

  it('keeps a key on its arm, whatever else the request is', () => {
    fc.assert(
      fc.property(fc.string(), weights, draws, (key, weight, draw) => armAt(weight, { key }) === armAt(weight, { key, randomU32: () => draw })),
      { seed: 1 },
    );
  });

  it('draws afresh for a request without a key', () => {
    const threshold = thresholdOf(2_500);
    expect(armAt(2_500, { key: null, randomU32: () => threshold - 1 })).toBe('candidate');
    expect(armAt(2_500, { key: null, randomU32: () => threshold })).toBe('baseline');
  });

  it('does not draw for a request with a key', () => {
    const neverDrawn = (): number => {
      throw new Error('drawn');
    };
    expect(armAt(5_000, { key: 'k', randomU32: neverDrawn })).toBeDefined();
  });

  it('gives nobody the candidate at 0 and everybody at 100 %', () => {
    fc.assert(
      fc.property(
        draws,
        (draw) => armAt(0, { key: null, randomU32: () => draw }) === 'baseline' && armAt(10_000, { key: null, randomU32: () => draw }) === 'candidate',
      ),
      { seed: 1 },
    );
  });

  it.each<[string, number, Partial<RoutingInput>, object]>([
    [
      'a pinned version, which is no evidence',
      5_000,
      { pinned: '1.0.0' },
      { arm: null, version: '1.0.0', reason: 'static', probability: 0, evidence: false, draw: null },
    ],
    [
      'the baseline to an ineligible request, which is no evidence',
      10_000,
      { eligible: false },
      { arm: 'baseline', version: '1.4.0', reason: 'disabled', probability: 1, evidence: false, draw: null },
    ],
    [
      'the baseline to an ineligible request of a cohort',
      5_000,
      { eligible: false, matched: true },
      { arm: 'baseline', version: '1.4.0', reason: 'disabled', probability: 0.5, evidence: false, draw: null },
    ],
    [
      'the candidate to a cohort, which is no evidence',
      2_500,
      { matched: true },
      { arm: 'candidate', version: '2.0.0', reason: 'targeting_match', probability: 0.25, evidence: false, draw: null },
    ],
    [
      'the candidate below the threshold, as evidence',
      5_000,
      { key: null, randomU32: () => 0 },
      { arm: 'candidate', version: '2.0.0', reason: 'split', probability: 0.5, evidence: true, draw: 0 },
    ],
    [
      'the baseline from the threshold on, as evidence',
      5_000,
      { key: null, randomU32: () => 2 ** 31 },
      { arm: 'baseline', version: '1.4.0', reason: 'split', probability: 0.5, evidence: true, draw: 2 ** 31 },
    ],
    [
      'the baseline at weight 0, which is no evidence',
      0,
      {},
      { arm: 'baseline', version: '1.4.0', reason: 'split', probability: 0, evidence: false, draw: drawOfRequest },
    ],
    [
      'the candidate at weight 100, which is no evidence',
      10_000,
      {},
      { arm: 'candidate', version: '2.0.0', reason: 'split', probability: 1, evidence: false, draw: drawOfRequest },
    ],
  ])('gives %s', (_, ...[weight, changes, expected]) => {
    expect(assign(trafficAt(weight), request(changes))).toEqual(expected);
  });

  it('records the probability T / 2^32', () => {
    expect(assign(trafficAt(1), request())?.probability).toBe(thresholdOf(1) / u32Range);
  });

  it('gives the baseline without a rollout', () => {
    expect(assign({ ...trafficAt(5_000), rollout: null }, request())).toEqual({
      arm: 'baseline',
      version: '1.4.0',
      reason: 'default',
      probability: 0,
      evidence: false,
      draw: null,
    });
  });

  it('gives nothing without a baseline, but a pinned version', () => {
    const traffic = { ...trafficAt(5_000), baseline: null };
    expect(assign(traffic, request())).toBeNull();
    expect(assign(traffic, request({ pinned: '2.0.0' }))?.version).toBe('2.0.0');
  });
});
