import { describe, expect, test } from 'vitest';
import { acceptanceSchema } from '../../../src/bundle/acceptance.ts';
import { expectCounts } from '../../../src/control-plane/forecast/expected-counts.ts';
import { contextOf, likeBaseline, watchedOf } from '../../../src/control-plane/forecast/forecast-context.ts';
import { type SupposedTraffic, usualRates } from '../../../src/control-plane/forecast/supposed-traffic.ts';
import { planSchema } from '../../../src/control-plane/plan.ts';

const live = (name: string, metric: object, margin: object) => ({ name, metric, compareTo: 'baseline', margin, appliesTo: ['live'] });
const latency = live('latency', { kind: 'latency', quantiles: [0.5] }, { relative: 0.1 });
const differs = live('differs', { kind: 'disagreement' }, { absolute: 0.01 });

const contextWith = (traffic: Partial<SupposedTraffic>, criteria: readonly object[] = [latency]) =>
  contextOf({
    plan: planSchema.parse({
      apiVersion: 'handoff/v1',
      kind: 'Rollout',
      model: 'm',
      baseline: '1.0.0',
      candidate: '2.0.0',
      routingKey: { header: 'x-user' },
      steps: [{ shadow: { share: 20, duration: '1h' } }, { setWeight: 100 }],
    }),
    acceptance: acceptanceSchema.parse({ apiVersion: 'handoff/v1', kind: 'Acceptance', criteria, faults: [] }),
    traffic: { ...usualRates, outputRates: {}, outcomeRates: {}, requestsPerSecond: 100, runMs: 0.1, unitShare: 1, ...traffic },
  });

const paceOf = (context: ReturnType<typeof contextWith>) => context.timed[0]?.pace;

describe('the pairs of a forecast', () => {
  test('are a share of the requests, as many as the CPU affords and no more than the gateway begins', () => {
    expect(paceOf(contextWith({}))?.pairsPerSecond).toBeCloseTo(20, 9);
    expect(paceOf(contextWith({ requestsPerSecond: 5_000 }))?.pairsPerSecond).toBe(50);
    expect(paceOf(contextWith({ requestsPerSecond: 5_000, runMs: 10 }))?.pairsPerSecond).toBeCloseTo(5, 9);
  });

  test('are four fifths of the compared requests where the baseline is compared with itself too', () => {
    expect(paceOf(contextWith({}, [latency, differs]))?.pairsPerSecond).toBeCloseTo(16, 6);
  });

  test('count once for a key, but for latency each time', () => {
    const context = contextWith({ unitShare: 0.02 }, [latency, differs]);
    const counts = watchedOf(context).map((watched) =>
      expectCounts({ guard: watched.guard, rate: 0, runMs: 0.1, effect: likeBaseline(watched, context) })({ units: 0, w: 0, pairs: 100, firstPairs: 2 }),
    );
    const [first] = counts[0]?.pairs ?? [];
    expect((first?.both ?? 0) + (first?.candidateOnly ?? 0) + (first?.baselineOnly ?? 0) + (first?.neither ?? 0)).toBeCloseTo(100, 1);
    expect(counts[1]?.differences?.[0]?.candidate.n).toBeCloseTo(2, 6);
    expect(counts[1]?.differences?.[0]?.baseline.n).toBeCloseTo(0.5, 6);
    expect(paceOf(context)?.firstPairsPerSecond).toBeCloseTo(0.32, 6);
  });
});
