import { describe, expect, test } from 'vitest';
import { type BoundReport, createBoundWatch } from '../../../src/data-plane/observe/bound-watch.ts';
import type { RolloutAssignment } from '../../../src/store/rollout-store.ts';

const bounds = [
  { quantile: 0.5, limitMs: 10 },
  { quantile: 0.95, limitMs: 30 },
];
const rollout = { id: 'a-rollout', latencyBounds: bounds } as unknown as RolloutAssignment;

const start = () => {
  const clock = { nowMs: 0 };
  const reports: BoundReport[] = [];
  const watch = createBoundWatch({ monotonicMs: () => clock.nowMs, onMinute: (report) => reports.push(report) });
  const minute = (arm: 'baseline' | 'candidate', durationsMs: readonly number[], of = rollout): void => {
    for (const durationMs of durationsMs) watch.record('card-fraud', of, { arm, durationMs });
    clock.nowMs += 60_000;
  };
  return { reports, minute };
};

const times = (count: number, ms: number): readonly number[] => new Array<number>(count).fill(ms);

describe('the watch over absolute limits', () => {
  test('says of a full minute which limits an arm was beyond, each arm alone', () => {
    const { reports, minute } = start();
    minute('candidate', [...times(94, 1), ...times(6, 31)]);
    minute('baseline', times(100, 1));
    minute('candidate', []);
    minute('candidate', [1]);
    minute('baseline', [1]);
    expect(reports.map(({ arm, bound, beyond, slower }) => [arm, bound.quantile, beyond, slower])).toEqual([
      ['candidate', 0.5, false, 6],
      ['candidate', 0.95, true, 6],
      ['baseline', 0.5, false, 0],
      ['baseline', 0.95, false, 0],
    ]);
  });

  test('says nothing of a minute with few requests, or of another rollout', () => {
    const { reports, minute } = start();
    minute('baseline', times(99, 100));
    minute('baseline', times(100, 100));
    minute('baseline', [1], { ...rollout, id: 'the-next' });
    expect(reports).toEqual([]);
  });

  test('costs nothing where no limit is agreed', () => {
    const { reports, minute } = start();
    const without = { ...rollout, latencyBounds: [] };
    minute('baseline', times(200, 100), without);
    minute('baseline', [1], without);
    expect(reports).toEqual([]);
  });
});
