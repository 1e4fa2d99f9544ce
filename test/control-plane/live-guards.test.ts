import { describe, expect, test } from 'vitest';
import { acceptanceSchema } from '../../src/bundle/acceptance.ts';
import { liveGuards } from '../../src/control-plane/live-guards.ts';
import { planSchema } from '../../src/control-plane/plan.ts';

const acceptance = acceptanceSchema.parse({
  apiVersion: 'handoff/v1',
  kind: 'Acceptance',
  criteria: [{ name: 'errors', metric: { kind: 'errorRate' }, compareTo: 'baseline', margin: { absolute: 0.002 }, appliesTo: ['live'] }],
  faults: [],
});

const hazardOf = (steps: readonly object[]) => {
  const plan = planSchema.parse({ apiVersion: 'handoff/v1', kind: 'Rollout', model: 'm', baseline: '1.0.0', candidate: '2.0.0', steps });
  const [errors] = liveGuards(acceptance, plan, []).guards;
  return errors?.guard.rollback[0]?.hazard;
};

describe('the hazard of a late regression is one in the planned blocks of a minute', () => {
  test('an analysis is planned by its deadline: it may take that long', () => {
    expect(hazardOf([{ setWeight: 10 }, { analysis: { atLeast: '10m', deadline: '3d' } }, { setWeight: 100 }])).toBeCloseTo(1 / (3 * 1_440), 12);
  });

  test('a pause that waits for a person is planned as a day, another one and a shadow step as they are written', () => {
    const steps = [{ shadow: { share: 20, duration: '1h' } }, { setWeight: 10 }, { pause: {} }, { setWeight: 25 }, { pause: { duration: '30m' } }];
    expect(hazardOf([...steps, { setWeight: 100 }])).toBeCloseTo(1 / (1_440 + 90), 12);
  });
});
