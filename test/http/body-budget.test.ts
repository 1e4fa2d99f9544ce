import { expect, it } from 'vitest';
import { createBodyBudget } from '../../src/http/body-budget.ts';

const nobody = (): void => undefined;

it('lends bytes to all bodies together, up to the last one', () => {
  const budget = createBodyBudget(10);
  const [one, two] = [budget.open(nobody), budget.open(nobody)];
  one.hold(4);
  two.hold(6);
  expect(budget.bytes()).toBe(10);
  expect(() => one.hold(1)).toThrow(expect.objectContaining({ type: 'overloaded', message: expect.stringContaining('have 10 bytes, the limit is 10') }));
});

it('takes back what a request held, once', () => {
  const budget = createBodyBudget(10);
  const [one, two] = [budget.open(nobody), budget.open(nobody)];
  one.hold(4);
  one.hold(5);
  one.release();
  one.release();
  two.hold(10);
  expect(() => one.hold(1)).toThrow();
});

it('does not charge what it refused, and tells of the refusal', () => {
  const budget = createBodyBudget(10);
  let refused = 0;
  const one = budget.open(() => {
    refused += 1;
  });
  expect(() => one.hold(11)).toThrow();
  expect(refused).toBe(1);
  one.hold(10);
});
