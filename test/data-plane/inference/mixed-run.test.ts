import { describe, expect, test } from 'vitest';
import type { GuardOutputs, OutputRow } from '../../../src/data-plane/guards/compile-outputs.ts';
import type { AnsweredRequest } from '../../../src/data-plane/inference/mixed-run.ts';
import { findChanged, mixRequests, shortestFirst } from '../../../src/data-plane/inference/mixed-run.ts';

const request = (file: string, names: readonly string[], outputs: readonly OutputRow[] = []): AnsweredRequest => ({
  file,
  rows: names.map((name) => ({ name })),
  outputs,
  tolerance: { absolute: 1e-5 },
});

const namesOf = (requests: readonly AnsweredRequest[], size: number): string =>
  mixRequests(requests, size)
    .rows.map(({ name }) => name)
    .join(' ');
const heldOf = (requests: readonly AnsweredRequest[], size: number): readonly string[] =>
  mixRequests(requests, size).held.map(({ file, start }) => `${file} at ${start}`);

describe('a mixed run', () => {
  const requests = shortestFirst([request('list', ['a', 'b', 'c']), request('one', ['x']), request('two', ['y'])]);

  test.each([
    [1, 'x', ['one at 0']],
    [2, 'x y', ['one at 0', 'two at 1']],
    [4, 'x y a b', ['one at 0', 'two at 1']],
    [8, 'x y a b c x y a', ['one at 0', 'two at 1', 'list at 2', 'one at 5', 'two at 6']],
  ])('of %i rows has the shortest requests first, over and over, and holds those that are whole', (size, names, held) => {
    expect(namesOf(requests, size)).toBe(names);
    expect(heldOf(requests, size)).toEqual(held);
  });

  test('holds the requests at both ends of many rows', () => {
    expect(heldOf(requests, 30)).toEqual(['one at 0', 'two at 1', 'list at 2', 'one at 25', 'two at 26', 'list at 27']);
  });

  test('repeats the only row that there is', () => {
    expect(heldOf([request('one', ['x'])], 2)).toEqual(['one at 0', 'one at 1']);
  });
});

/** A guard that reports the one value of each row. */
const report: GuardOutputs = ({ outputs }) => ({ ok: true, rows: [...(outputs.y?.data ?? [])].map((y) => ({ y: Number(y) })), abstained: 0 });
const resultOf = (...values: readonly number[]) => ({
  outputs: { y: { datatype: 'FP64' as const, shape: [values.length, 1], data: Float64Array.from(values) } },
  luma: null,
  computeMs: 1,
});

describe('an answer of a mixed run', () => {
  const run = mixRequests([request('one', ['x'], [{ y: 0 }]), request('list', ['a', 'b'], [{ y: 1 }, { y: 2_000 }])], 3);

  test.each([
    ['equal', [0, 1, 2_000]],
    ['apart by the tolerance of its case', [1e-5, 1, 2_000]],
    ['apart by what another kernel makes of it', [0, 1, 2_000.1]],
  ])('holds when it is %s', (_, values) => {
    expect(findChanged(run, resultOf(...values), report)).toBeNull();
  });

  test('is changed when it is further apart, and the row says where', () => {
    expect(findChanged(run, resultOf(0, 1, 2_001), report)).toEqual({ file: 'list', row: 1, beside: '{"y":2001}', alone: '{"y":2000}' });
    expect(findChanged(run, resultOf(2e-5, 1, 2_000), report)).toMatchObject({ file: 'one', row: 0 });
  });

  test('is changed when it is no number any more, has another name or another length', () => {
    expect(findChanged(run, resultOf(0, Number.NaN, 2_000), report)).toMatchObject({ file: 'list', row: 0, beside: '{"y":null}' });
    expect(findChanged(run, resultOf(0, 1, 2_000), () => ({ ok: true, rows: [{ z: 0 }], abstained: 0 }))).toMatchObject({ file: 'one', row: 0 });
    const [other, same] = [[{ label: 'cat' }], [{ label: 'dog' }]].map((top) => mixRequests([request('photo', ['x'], [{ top }])], 1));
    const guard: GuardOutputs = () => ({ ok: true, rows: [{ top: [{ label: 'dog' }] }], abstained: 0 });
    expect([other, same].map((each) => each && findChanged(each, resultOf(0), guard)?.beside)).toEqual(['{"top":[{"label":"dog"}]}', undefined]);
  });

  test('holds when a number on a threshold brings its flag to the other side, and is changed when a flag is all there is', () => {
    const beside =
      (...rows: readonly OutputRow[]): GuardOutputs =>
      () => ({ ok: true, rows, abstained: 0 });
    const flagged = mixRequests([request('one', ['x'], [{ score: 0.5, flagged: true }])], 1);
    expect(findChanged(flagged, resultOf(0), beside({ score: 0.499_999_9, flagged: false }))).toBeNull();
    expect(findChanged(flagged, resultOf(0), beside({ score: 0.4, flagged: false }))).toMatchObject({ row: 0 });
    expect(findChanged(flagged, resultOf(0), beside({ score: 0.5 }))).toMatchObject({ row: 0 });
    const alone = mixRequests([request('one', ['x'], [{ flagged: true }])], 1);
    expect(findChanged(alone, resultOf(0), beside({ flagged: false }))).toMatchObject({ row: 0, beside: '{"flagged":false}' });
  });

  test('allows what its golden case allows as a share of the value', () => {
    const wide = mixRequests([{ ...request('one', ['x'], [{ y: 100 }]), tolerance: { absolute: 0, relative: 0.01 } }], 1);
    expect(findChanged(wide, resultOf(101), report)).toBeNull();
    expect(findChanged(wide, resultOf(102), report)).not.toBeNull();
  });

  test('is changed when the guard rejects it', () => {
    expect(findChanged(run, resultOf(0, 1, 2_000), () => ({ ok: false, breach: 'out of range' }))).toEqual({
      file: 'one',
      row: 0,
      beside: 'out of range',
      alone: '{"y":0}',
    });
  });
});
