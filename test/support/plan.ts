import { type Plan, planSchema } from '../../src/control-plane/plan.ts';

/** A plan of `card-fraud` with every kind of step, with changes. */
export const planWith = (changes: Record<string, unknown> = {}): Plan =>
  planSchema.parse({
    apiVersion: 'handoff/v1',
    kind: 'Rollout',
    model: 'card-fraud',
    baseline: '1.4.0',
    candidate: '2.0.0',
    steps: [
      { shadow: { share: 20, duration: '5s' } },
      { setWeight: 1 },
      { analysis: { atLeast: '5s', minSamples: 100, deadline: '20s' } },
      { setWeight: 10 },
      { analysis: { atLeast: '5s', minSamples: 100, deadline: '20s', require: ['errors'] } },
      { pause: { duration: '3s' } },
      { setWeight: 100 },
    ],
    bake: '10s',
    ...changes,
  });
