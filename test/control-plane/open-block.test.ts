import { describe, expect, test } from 'vitest';
import { isComplete } from '../../src/control-plane/open-block.ts';
import { versionsProbability } from '../../src/pair-sampling.ts';

const none = { both: 0, candidateOnly: 0, baselineOnly: 0, neither: 0 };

/** One pair in the last second of block 0, of both versions or of the baseline with itself. */
const cellsOf = (kind: 'versions' | 'itself', done: number) => {
  const counted = (of: typeof kind) => ({ n: of === kind ? 1 : 0, done: of === kind ? done : 0, differ: [0] });
  const { n, done: finished } = counted('versions');
  const events = { n, done: finished, errors: none, breaches: none };
  const differences = { w: versionsProbability, versions: counted('versions'), itself: counted('itself') };
  return { units: [], firstEvents: [], pairs: [{ second: 59, n, done: finished, latency: [], counted: events, differences }] };
};

describe.each(['versions', 'itself'] as const)('a block with a pair that has begun, of the %s', (kind) => {
  const at = (nowSecond: number, done: number): boolean => isComplete(0, cellsOf(kind, done), { rules: { blockSeconds: 60, deadlineSeconds: 1 }, nowSecond });

  test('is complete when the pair has ended', () => {
    expect([at(65, 0), at(65, 1)]).toEqual([false, true]);
  });

  test('is complete once two runs and the start of a process have had their time', () => {
    expect([at(91, 0), at(92, 0)]).toEqual([false, true]);
  });
});
