/** Words about the guards of a live rollout, with what only the live evidence knows: pins, examples, what is waited for. */
import type { PairExample } from '../store/observation.ts';
import type { GuardAssessment } from './analysis/assess-guards.ts';
import { leastRuns } from './analysis/latency-history.ts';
import type { GuardWords } from './assess-rollout.ts';
import { pairExamplesOf } from './guard-examples.ts';
import { count, exampleWords, guardSentence } from './guard-sentence.ts';
import type { CountedGuard } from './open-block.ts';
import type { OutcomeFindings } from './outcome-findings.ts';
import { outcomeSentence } from './outcome-words.ts';
import { comparedPairsOf, type KeptEvidence } from './rollout-evidence.ts';

interface LiveEvidence {
  readonly guards: readonly CountedGuard[];
  readonly kept: KeptEvidence;
  readonly examples: readonly PairExample[];
  readonly outcomes: OutcomeFindings;
}

const examplesNamed = 3;

/** A sentence names requests only where pairs condemn: those that callers sent are in the log under their own ids anyway. */
const sentenceOf = (assessed: GuardAssessment, { guards, kept, examples }: LiveEvidence): string => {
  const known = guards.find((entry) => entry.guard.name === assessed.name);
  if (known === undefined) return assessed.name;
  if (known.outcome !== null) return outcomeSentence(assessed, { guard: assessed.name, outcome: known.outcome }, known.guard);
  const own = assessed.source === 'units' ? [] : pairExamplesOf(assessed, examples);
  const pins = kept.open.at(-1)?.pins[assessed.name] ?? {};
  return guardSentence({ assessed, guard: known.guard, pins }) + exampleWords(own.slice(-examplesNamed));
};

/** Why a guard that could be measured says nothing yet. */
const silence = ({ name, kind, verdict }: GuardAssessment, { kept }: LiveEvidence): string | null => {
  if (verdict !== 'undecided' || kind !== 'latency' || kept.open.at(-1)?.pins[name]?.latencyEdges !== undefined) return null;
  return `silent until a block begins after ${count(leastRuns)} compared requests: ${count(Math.floor(comparedPairsOf(kept)))} so far`;
};

/** The words for the guards of a rollout as it is now. */
export const liveWords = (live: LiveEvidence): GuardWords => ({
  sentenceOf: (guard) => sentenceOf(guard, live),
  noteOf: (guard) => live.outcomes.notes[guard.name]?.note ?? guard.inability ?? silence(guard, live),
});
