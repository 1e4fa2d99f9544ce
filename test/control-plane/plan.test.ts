import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkDocument } from '../../src/bundle/fault.ts';
import { blockSecondsOf, hundredthsOf, planSchema, weightPercent } from '../../src/control-plane/plan.ts';

const smallest = { apiVersion: 'handoff/v1', kind: 'Rollout', model: 'm', baseline: '1.0.0', candidate: '2.0.0', steps: [{ setWeight: 10 }] };

const faultsFor = (changes: Record<string, unknown>) => {
  const document = { ...smallest, ...changes };
  return checkDocument(planSchema, 'rollout/m.yaml', document).faults.map(({ field, got, expected }) => [field, got, expected]);
};

describe('planSchema', () => {
  it('fills in what a plan leaves out', () => {
    expect(planSchema.parse(smallest)).toEqual({
      ...smallest,
      start: 'manual',
      eligibility: 'full',
      maxIneligible: 0.001,
      compare: { share: 5, maxCpuPercent: 10 },
      match: [],
      risk: { falseRollback: 0.01, falsePromotion: 0.05 },
      bake: 0,
    });
  });

  it('seals evidence every 60 s unless the plan says otherwise', () => {
    expect(blockSecondsOf(planSchema.parse(smallest))).toBe(60);
    expect(blockSecondsOf(planSchema.parse({ ...smallest, block: '5s' }))).toBe(5);
  });

  it('reads steps in order, durations as milliseconds', () => {
    const steps = [
      { shadow: { share: 20, duration: '10m' } },
      { setWeight: 0.01 },
      { analysis: { atLeast: '72h', deadline: '8d', require: ['errors'] } },
      { pause: {} },
      { pause: { duration: '500ms' } },
      { setWeight: 100 },
    ];
    expect(planSchema.parse({ ...smallest, steps, bake: '30s' })).toMatchObject({
      steps: [
        { shadow: { share: 20, duration: 600_000 } },
        { setWeight: 0.01 },
        { analysis: { atLeast: 259_200_000, deadline: 691_200_000, minSamples: 500, require: ['errors'] } },
        { pause: {} },
        { pause: { duration: 500 } },
        { setWeight: 100 },
      ],
      bake: 30_000,
    });
  });

  it.each<[string, Record<string, unknown>, string, string, string]>([
    ['another kind', { kind: 'Plan' }, 'kind', 'Plan', '"Rollout"'],
    ['a model that is no name', { model: 'M' }, 'model', 'M', 'a name of [a-z0-9][a-z0-9-]*'],
    ['a candidate that is no version', { candidate: '2' }, 'candidate', '2', 'a semantic version like 1.4.0'],
    ['no steps', { steps: [] }, 'steps', '[]', 'array to have >=1 items'],
    ['a weight above 100', { steps: [{ setWeight: 101 }] }, 'steps.0.setWeight', '101', 'a weight from 0 to 100'],
    ['a negative weight', { steps: [{ setWeight: -1 }] }, 'steps.0.setWeight', '-1', 'a weight from 0 to 100'],
    ['a weight as text', { steps: [{ setWeight: '10' }] }, 'steps.0.setWeight', '10', 'a number from 0 to 100'],
    ['a weight finer than a hundredth', { steps: [{ setWeight: 0.001 }] }, 'steps.0.setWeight', '0.001', 'a weight in steps of 0.01'],
    ['an unknown step', { steps: [{ setwait: 5 }] }, 'steps.0', '{"setwait":5}', 'setWeight or pause or analysis or shadow'],
    ['a block of no whole seconds', { block: '1500ms' }, 'block', '1500ms', 'whole seconds from 1s to 1h'],
    ['a block of no time', { block: '0s' }, 'block', '0s', 'whole seconds from 1s to 1h'],
    ['a block longer than an hour', { block: '61m' }, 'block', '61m', 'whole seconds from 1s to 1h'],
    ['two steps in one', { steps: [{ setWeight: 5, pause: {} }] }, 'steps.0', '{"setWeight":5,"pause":{}}', expect.any(String)],
    ['an analysis without a deadline', { steps: [{ analysis: { atLeast: '1h' } }] }, 'steps.0.analysis.deadline', 'nothing', 'string'],
    [
      'an analysis of no samples',
      { steps: [{ analysis: { atLeast: '1h', deadline: '2h', minSamples: 0 } }] },
      'steps.0.analysis.minSamples',
      '0',
      'number to be >=1',
    ],
    ['a duration in weeks', { steps: [{ pause: { duration: '1w' } }] }, 'steps.0.pause.duration', '1w', 'a duration like 30s, 10m, 72h or 8d'],
    ['a duration that is a number', { bake: 60 }, 'bake', '60', 'string'],
    [
      'weights that fall',
      { steps: [{ setWeight: 50 }, { pause: {} }, { setWeight: 10 }] },
      'steps',
      expect.stringContaining('"setWeight":50'),
      'weights that never decrease',
    ],
    ['a header in capitals', { routingKey: { header: 'X-Key' } }, 'routingKey.header', 'X-Key', 'a lower-case header name'],
    ['a cohort without a value', { match: [{ header: 'x-cohort' }] }, 'match.0.equals', 'nothing', 'string'],
    ['an ineligible share in percent', { maxIneligible: 5 }, 'maxIneligible', '5', 'number to be <=1'],
    ['a risk of nothing', { risk: { falseRollback: 0, falsePromotion: 0.05 } }, 'risk.falseRollback', '0', 'number to be >0'],
    ['an unknown start', { start: 'now' }, 'start', 'now', 'one of "manual"|"auto"'],
    ['an unknown key', { step: [] }, 'step', 'an unknown key', 'no such key'],
  ])('refuses %s', (_, ...[changes, field, got, expected]) => {
    expect(faultsFor(changes)).toContainEqual([field, got, expected]);
  });

  it('refuses a routing key by two rules', () => {
    expect(faultsFor({ routingKey: { header: 'x-key', field: 'id' } })).toHaveLength(1);
  });

  it('finds everything at once', () => {
    const faults = faultsFor({ model: 'M', baseline: '1', steps: [{ setWeight: 500 }, { pause: { duration: 'x' } }], bake: '5', extra: 1 });
    expect(faults.map(([field]) => field).sort()).toEqual(['bake', 'baseline', 'extra', 'model', 'steps.0.setWeight', 'steps.1.pause.duration']);
  });

  it.each([null, undefined, 5, 'text', []])('refuses %j', (document) => {
    expect(planSchema.safeParse(document).success).toBe(false);
  });
});

describe('weightPercent', () => {
  it('takes every hundredth from 0 to 100, and hundredthsOf says which it is', () => {
    for (let hundredths = 0; hundredths <= 10_000; hundredths += 1) {
      expect(weightPercent.safeParse(hundredths / 100).success).toBe(true);
      expect(hundredthsOf(hundredths / 100)).toBe(hundredths);
    }
  });

  it.each([Number.NaN, Number.POSITIVE_INFINITY, 100.01, -0.01, 33.333, '10', null, true, [10]])('refuses %j', (weight) => {
    expect(weightPercent.safeParse(weight).success).toBe(false);
  });

  it('never takes a weight that lies between two hundredths', () => {
    fc.assert(
      fc.property(
        fc.double({ min: 0, max: 100, noNaN: true }),
        (weight) => !weightPercent.safeParse(weight).success || Math.abs(weight - hundredthsOf(weight) / 100) < 1e-7,
      ),
      { seed: 1 },
    );
  });
});
