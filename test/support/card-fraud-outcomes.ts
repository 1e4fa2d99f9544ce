import { acceptanceSchema } from '../../src/bundle/acceptance.ts';
import { declaredOutcomes } from '../../src/bundle/declared-outcomes.ts';

/** An acceptance with a rate of a relative margin, one of an absolute margin, and a mean; each has its own window. */
export const acceptanceWithOutcomes = acceptanceSchema.parse({
  apiVersion: 'handoff/v1',
  kind: 'Acceptance',
  criteria: [
    {
      name: 'fraud-caught',
      metric: { kind: 'outcomeRate', outcome: 'caught', harm: 'lower', window: '7d' },
      compareTo: 'baseline',
      margin: { relative: 0.05 },
      appliesTo: ['live'],
    },
    {
      name: 'complaints',
      metric: { kind: 'outcomeRate', outcome: 'complaint', harm: 'higher', window: '2d' },
      compareTo: 'baseline',
      margin: { absolute: 0.002 },
      appliesTo: ['live'],
    },
    {
      name: 'ranking',
      metric: { kind: 'outcomeMean', outcome: 'ndcg', harm: 'lower', window: '24h', historicalMean: 0.6 },
      compareTo: 'baseline',
      margin: { relative: 0.02 },
      appliesTo: ['live'],
    },
  ],
});

export const declaredForTests = declaredOutcomes(acceptanceWithOutcomes);
