import { expect, test } from 'vitest';
import { createLogFailure } from '../../src/http/log-failure.ts';
import { ProblemError, type ProblemType } from '../../src/problem.ts';
import { createLog, type LogLevel } from '../../src/telemetry/log.ts';

const makeLogFailure = (level: LogLevel = 'info') => {
  const lines: Record<string, unknown>[] = [];
  const clock = { nowMs: 5_000 };
  const log = createLog({ level, destination: { write: (line) => lines.push(JSON.parse(line)) } });
  const logFailure = createLogFailure({ log, monotonicMs: () => clock.nowMs });
  let requests = 0;
  const fail = (type: ProblemType, error: unknown = new ProblemError(type, `what is ${type}`)): void => {
    requests += 1;
    logFailure(error, { type, requestId: `r${requests}`, traceId: 't' });
  };
  return { lines, clock, fail };
};

test('writes a problem once a second, with the number of those alike that were held back', () => {
  const { lines, clock, fail } = makeLogFailure();
  for (let count = 0; count < 100; count += 1) fail('overloaded');
  fail('deadline-exceeded');
  clock.nowMs += 1_000;
  fail('overloaded');
  expect(lines).toMatchObject([
    { level: 'warn', problem: 'overloaded', request_id: 'r1', trace_id: 't', others: 0, msg: 'a request got no answer' },
    { level: 'warn', problem: 'deadline-exceeded', request_id: 'r101', others: 0 },
    { level: 'warn', problem: 'overloaded', request_id: 'r102', others: 99 },
  ]);
});

test('writes every one of them for debugging', () => {
  const { lines, fail } = makeLogFailure('debug');
  for (let count = 0; count < 3; count += 1) fail('overloaded');
  expect(lines.map(({ level, request_id }) => [level, request_id])).toEqual([
    ['warn', 'r1'],
    ['debug', 'r2'],
    ['debug', 'r3'],
  ]);
});

test('writes every fault of the gateway itself as an error', () => {
  const { lines, fail } = makeLogFailure();
  for (let count = 0; count < 3; count += 1) fail('internal', new Error('a bug'));
  expect(lines).toHaveLength(3);
  expect(lines[2]).toMatchObject({ level: 'error', problem: 'internal', err: { message: 'a bug', stack: expect.stringContaining('log-failure.test.ts') } });
});

test.each(['overloaded', 'model-not-ready', 'circuit-open'] as const)('says of %s what it is and not where in the program', (type) => {
  const { lines, fail } = makeLogFailure();
  fail(type);
  expect(lines).toEqual([
    {
      level: 'warn',
      time: expect.any(String),
      msg: 'a request got no answer',
      trace_id: 't',
      request_id: 'r1',
      problem: type,
      others: 0,
      detail: `what is ${type}`,
    },
  ]);
});

test('writes the cause of a problem in place of what the caller is told', () => {
  const { lines, clock, fail } = makeLogFailure();
  const cause = new Error('the worker was killed');
  fail('inference-failed', new ProblemError('inference-failed', 'The model failed.', { cause }));
  clock.nowMs += 1_000;
  fail('model-not-ready', new ProblemError('model-not-ready', 'The process was lost.', { cause }));
  expect(lines).toMatchObject([{ err: { message: 'the worker was killed', stack: expect.any(String) } }, { detail: 'the worker was killed' }]);
});
