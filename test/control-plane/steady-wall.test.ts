import { beforeEach, describe, expect, test } from 'vitest';
import { createSteadyWall } from '../../src/control-plane/steady-wall.ts';

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;

let nowMs = 0;
let wallMs = 0;
let steady: () => number;
beforeEach(() => {
  nowMs = 1_000;
  wallMs = 1_767_225_600_000;
  steady = createSteadyWall({ wallMs: () => wallMs, monotonicMs: () => nowMs });
});

const pass = (ms: number): void => {
  nowMs += ms;
  wallMs += ms;
};

describe('the steady time of the wall', () => {
  test('is the time of the wall, and follows its corrections', () => {
    expect(steady()).toBe(wallMs);
    for (const correction of [0, 2_000, -2_000, 240_000, 240_000]) {
      pass(hourMs);
      wallMs += correction;
      expect(steady()).toBe(wallMs);
    }
  });

  test('goes on from where it was while the clock is ahead, and is the same again when that is mended', () => {
    wallMs += 10 * dayMs;
    expect(steady()).toBe(wallMs - 10 * dayMs);
    pass(hourMs / 2);
    expect(steady()).toBe(wallMs - 10 * dayMs);
    wallMs -= 10 * dayMs;
    expect(steady()).toBe(wallMs);
  });

  test('believes a clock that has been ahead for an hour', () => {
    wallMs += 10 * dayMs;
    steady();
    pass(hourMs - 1);
    expect(steady()).toBe(wallMs - 10 * dayMs);
    pass(1);
    expect(steady()).toBe(wallMs);
  });

  test('doubts each jump anew', () => {
    wallMs += dayMs;
    steady();
    pass(hourMs - 1);
    wallMs -= dayMs;
    steady();
    wallMs += dayMs;
    pass(1);
    expect(steady()).toBe(wallMs - dayMs);
  });

  test('believes a clock that goes back', () => {
    wallMs -= 10 * dayMs;
    expect(steady()).toBe(wallMs);
  });
});
