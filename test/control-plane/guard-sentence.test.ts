import { describe, expect, it } from 'vitest';
import { assessGuards } from '../../src/control-plane/analysis/assess-guards.ts';
import { buildGuards } from '../../src/control-plane/analysis/build-guards.ts';
import { startEvidence } from '../../src/control-plane/analysis/evidence.ts';
import type { GuardMargin } from '../../src/control-plane/analysis/guard-criterion.ts';
import { guardSentence } from '../../src/control-plane/guard-sentence.ts';

/** The sentence of a guard of the flagged requests that condemns; 10,000 requests of each arm. */
const sentenceOf = (margin: GuardMargin, { candidate, baseline }: { readonly candidate: number; readonly baseline: number }): string => {
  const guards = buildGuards({ criteria: [{ name: 'flagged', kind: 'outputRate', margin }], keyed: false, compared: false, plannedBlocks: 10 });
  const arm = (events: number) => ({ n: 10_000, events, pending: 0 });
  const block = { flagged: { units: [{ w: 0.5, candidate: arm(candidate), baseline: arm(baseline) }] } };
  const { guards: assessed } = assessGuards({ guards, evidence: startEvidence(guards), prefixes: [[block]], risk: { alpha: 0.01, beta: 0.05 } });
  const [guard, found] = [guards[0], assessed[0]];
  if (guard === undefined || found?.verdict !== 'worse') throw new Error('the guard does not condemn');
  return guardSentence({ assessed: found, guard, pins: {} });
};

describe('the sentence of a rate of which more and fewer are harm', () => {
  it.each<[GuardMargin, { candidate: number; baseline: number }, string]>([
    [{ relative: 0.3 }, { candidate: 200, baseline: 1_000 }, 'beyond the allowed -30 % (difference -8 points)'],
    [{ relative: 0.3 }, { candidate: 2_000, baseline: 1_000 }, 'beyond the allowed +30 % (difference +10 points)'],
    [{ absolute: 0.02 }, { candidate: 200, baseline: 1_000 }, 'beyond the allowed -2 points (difference -8 points)'],
    [{ absolute: 0.02 }, { candidate: 2_000, baseline: 1_000 }, 'beyond the allowed +2 points (difference +10 points)'],
  ])('has the margin %o on the side to which the candidate is off: %o', (margin, events, words) => {
    expect(sentenceOf(margin, events)).toContain(words);
  });
});
