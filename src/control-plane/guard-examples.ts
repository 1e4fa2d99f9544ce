import type { Observation, PairExample } from '../store/observation.ts';
import type { GuardAssessment } from './analysis/assess-guards.ts';
import type { CountedGuard } from './open-block.ts';

/** Requests on which something was seen. */
export type SeenExamples = Pick<Observation, 'examples' | 'unitExamples'>;

/** Which examples of pairs belong to a kind of guardrail. */
const pairKinds: Readonly<Record<string, PairExample['kind']>> = { errorRate: 'error', breachRate: 'breach', disagreement: 'difference' };

/** Requests whose pairs speak against the candidate, newest last. Which output it was that differed, an example does not say. */
export const pairExamplesOf = ({ kind }: Pick<GuardAssessment, 'kind'>, examples: readonly PairExample[]): readonly string[] =>
  examples.filter((example) => example.kind === pairKinds[kind] && example.arm !== 'baseline').map(({ requestId }) => requestId);

const mostNamed = 5;

/** The newest requests with the guard's event, newest last: what the candidate was asked, or what both versions ran where pairs tell. None for latency and outcomes. */
export const guardExamples = (
  { event }: Pick<CountedGuard, 'event'>,
  assessed: Pick<GuardAssessment, 'kind' | 'source'>,
  seen: SeenExamples,
): readonly string[] => {
  const ofUnits = seen.unitExamples.filter((example) => example.event === event).map(({ requestId }) => requestId);
  const isPaired = assessed.source === 'pairs' || assessed.source === 'differences';
  return (isPaired ? pairExamplesOf(assessed, seen.examples) : ofUnits).slice(-mostNamed);
};
