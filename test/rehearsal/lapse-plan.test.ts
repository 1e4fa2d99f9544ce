import { describe, expect, it } from 'vitest';
import { planSchema } from '../../src/control-plane/plan.ts';
import { lapseOf, lapsePlan, patienceSecondsOf } from '../../src/rehearsal/lapse-plan.ts';

/** Sixteen hours in all. */
const plan = planSchema.parse({
  apiVersion: 'handoff/v1',
  kind: 'Rollout',
  model: 'm',
  baseline: '1.0.0',
  candidate: '2.0.0',
  steps: [
    { shadow: { share: 20, duration: '10m' } },
    { setWeight: 10 },
    { analysis: { atLeast: '6h', deadline: '168h', require: ['errors'] } },
    { pause: {} },
    { pause: { duration: '1h' } },
    { setWeight: 100 },
  ],
  bake: '530m',
});

describe('the time lapse of a plan', () => {
  it('makes a block of the plan a second, and shrinks all its times alike', () => {
    const lapsed = lapsePlan(plan);
    expect(lapseOf(plan)).toBe(60);
    expect(lapsed.block).toBe(1_000);
    expect(lapsed.bake * 60).toBe(plan.bake);
    expect(lapsed.steps).toEqual([
      { shadow: { share: 20, duration: 10_000 } },
      { setWeight: 10 },
      { analysis: { atLeast: 6 * 60_000, deadline: 168 * 60_000, minSamples: 500, require: ['errors'] } },
      { pause: {} },
      { pause: { duration: 60_000 } },
      { setWeight: 100 },
    ]);
  });

  it('lets more than a block pass in a second where a plan lasts for days, so that it is looked at a thousand times', () => {
    expect(lapseOf({ ...plan, bake: 10 * 86_400_000 })).toBe(890);
    expect(lapsePlan({ ...plan, bake: 10 * 86_400_000 }).block).toBe(1_000);
  });

  it('goes by the blocks that the plan asks for', () => {
    const short = { ...plan, block: 5_000, steps: plan.steps.slice(0, 2), bake: 600_000 };
    expect(lapseOf(short)).toBe(5);
    expect(lapsePlan(short).steps[0]).toEqual({ shadow: { share: 20, duration: 120_000 } });
  });
});

describe('the patience with a plan', () => {
  it('is twice the time that the plan may take: deadlines, durations and bake, and a second for a step that takes none', () => {
    const [shadow, analysis, pause, bake] = [10, 168 * 60, 60, 530];
    expect(patienceSecondsOf(plan)).toBe(2 * (shadow + 1 + analysis + 1 + pause + 1 + bake));
  });

  it('lets each step and the bake be looked at where nothing of the plan takes time', () => {
    expect(patienceSecondsOf({ ...plan, steps: [{ setWeight: 1 }, { setWeight: 100 }], bake: 0 })).toBe(6);
  });
});
