import { describe, expect, it } from 'vitest';
import { addBlockTimes, noTimes, type TimedBlock, timesAt } from '../../src/control-plane/block-times.ts';
import { units } from './analysis/support.ts';

const minute = (number: number): string => `2026-05-01T10:0${number}:00.000Z`;

const block = (number: number, parts: Partial<TimedBlock>): TimedBlock => ({
  number,
  from: minute(number),
  to: minute(number + 1),
  counts: {},
  assigned: [],
  ...parts,
});

describe('the times of a stratum', () => {
  it('run from the first block that brought units with its probability to the last one', () => {
    const times = [
      block(0, { assigned: [{ w: 0.1, baseline: 9, candidate: 1 }] }),
      block(1, { assigned: [{ w: 0.1, baseline: 9, candidate: 1 }] }),
      block(2, { assigned: [{ w: 0.5, baseline: 5, candidate: 5 }] }),
      block(3, { assigned: [{ w: 0.1, baseline: 8, candidate: 0 }] }),
    ].reduce(addBlockTimes, noTimes);
    expect(timesAt(times.assigned, 0.1)).toEqual({ from: minute(0), to: minute(4) });
    expect(timesAt(times.assigned, 0.5)).toEqual({ from: minute(2), to: minute(3) });
    expect(timesAt(times.assigned, 0.9)).toEqual({});
  });

  it('are those of the counts for a guard, whose outcomes mature later than the units came', () => {
    const times = [
      block(0, { assigned: [{ w: 0.5, baseline: 5, candidate: 5 }], counts: { errors: { units: [units(0.5, [1, 4, 1, 4])] } } }),
      block(7, { counts: { converted: { units: [units(0.5, [1, 4, 1, 4])] } } }),
    ].reduce(addBlockTimes, noTimes);
    expect(timesAt(times.assigned, 0.5)).toEqual({ from: minute(0), to: minute(1) });
    expect(timesAt(times.guards.errors, 0.5)).toEqual({ from: minute(0), to: minute(1) });
    expect(timesAt(times.guards.converted, 0.5)).toEqual({ from: minute(7), to: minute(8) });
  });

  it('are not moved by a block that only lists the probability', () => {
    const first = addBlockTimes(noTimes, block(0, { assigned: [{ w: 0.5, baseline: 5, candidate: 5 }] }));
    const empty = block(1, { assigned: [{ w: 0.5, baseline: 0, candidate: 0 }], counts: { errors: { units: [units(0.5, [0, 0, 0, 0])] } } });
    const times = addBlockTimes(first, empty);
    expect(timesAt(times.assigned, 0.5)).toEqual({ from: minute(0), to: minute(1) });
    expect(times.guards.errors).toEqual([]);
  });
});
