import { expect, it } from 'vitest';
import { guardExamples, type SeenExamples } from '../../src/control-plane/guard-examples.ts';

const seen: SeenExamples = {
  unitExamples: [
    { event: 'error', requestId: 'failed' },
    { event: 'flagged 0', requestId: 'flagged' },
  ],
  examples: [
    { kind: 'error', arm: 'baseline', requestId: 'baseline failed' },
    { kind: 'error', arm: 'candidate', requestId: 'failed in a pair' },
    { kind: 'breach', arm: 'candidate', requestId: 'rejected in a pair' },
    ...Array.from({ length: 7 }, (_, index) => ({ kind: 'difference' as const, arm: null, requestId: `differs ${index}` })),
  ],
};

it.each([
  { what: 'an error rate', event: 'error', kind: 'errorRate', source: 'units', examples: ['failed'] },
  { what: 'an error rate that pairs tell', event: 'error', kind: 'errorRate', source: 'pairs', examples: ['failed in a pair'] },
  { what: 'a breach rate without any', event: 'breach', kind: 'breachRate', source: 'units', examples: [] },
  { what: 'an output rate', event: 'flagged 0', kind: 'outputRate', source: 'units', examples: ['flagged'] },
  { what: 'another output', event: 'flagged 1', kind: 'outputRate', source: 'units', examples: [] },
  { what: 'latency', event: null, kind: 'latency', source: 'pairs', examples: [] },
  { what: 'outcomes', event: null, kind: 'outcomeRate', source: 'units', examples: [] },
  {
    what: 'disagreement, the newest five',
    event: null,
    kind: 'disagreement',
    source: 'differences',
    examples: ['differs 2', 'differs 3', 'differs 4', 'differs 5', 'differs 6'],
  },
] as const)('the examples of $what are $examples', ({ event, kind, source, examples }) => {
  expect(guardExamples({ event }, { kind, source }, seen)).toEqual(examples);
});
