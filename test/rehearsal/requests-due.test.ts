import { expect, it } from 'vitest';
import { requestsDue } from '../../src/rehearsal/requests-due.ts';

const inSeconds = (seconds: number, perSecond: number): readonly number[] => Array.from({ length: seconds }, (_, second) => requestsDue(second, perSecond));

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

it('are the same in each second of a whole rate', () => {
  expect(new Set(inSeconds(1_000, 120))).toEqual(new Set([120]));
});

it('lose nothing of a fractional rate', () => {
  expect(inSeconds(8, 0.25)).toEqual([0, 1, 0, 0, 0, 1, 0, 0]);
  expect(sum(inSeconds(1_000, 0.3))).toBe(300);
  expect(sum(inSeconds(1_000, 2.4))).toBe(2_400);
});
