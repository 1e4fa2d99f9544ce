import fc from 'fast-check';
import { afterEach, describe, expect, test } from 'vitest';
import type { GivenParts } from '../../src/data-plane/infer-context.ts';
import { InferenceFailure } from '../../src/data-plane/inference/inference-failure.ts';
import { openVersion } from '../../src/data-plane/inference/open-version.ts';
import type { ServingVersion } from '../../src/data-plane/inference/serving-version.ts';
import { attempt, attemptDeadline, failureOf } from '../../src/data-plane/rescue.ts';
import { createUnrecordedSpan } from '../../src/telemetry/request-span.ts';
import { brokenModel, createRecordingHooks, realBundle } from '../support/real-bundles.ts';
import { testLauncher } from '../support/test-launcher.ts';

const launcher = testLauncher();

const monotonicMs = (): number => performance.now();
const form = { kind: 'rows' } as const;
const span = createUnrecordedSpan({ traceId: '0'.repeat(32), spanId: '0'.repeat(16), traceparent: '', tracestate: undefined });

describe('attemptDeadline', () => {
  test.each([
    { fact: 'keeps twice the p99 of the baseline in reserve', deadline: 200, p99: 20, expected: 160 },
    { fact: 'keeps at least five milliseconds', deadline: 120, p99: 0.1, expected: 115 },
    { fact: 'keeps at least a tenth of the time left', deadline: 200, p99: 0.1, expected: 190 },
    { fact: 'keeps at most half of the time left', deadline: 200, p99: 90, expected: 150 },
  ])('$fact', ({ deadline, p99, expected }) => {
    expect(attemptDeadline(100, deadline, p99)).toBe(expected);
  });

  test('lies between half of the time left and the deadline, and at the deadline once that has passed', () => {
    const ms = fc.double({ min: 0, max: 1e6, noNaN: true });
    fc.assert(
      fc.property(ms, fc.double({ min: -1e3, max: 1e4, noNaN: true }), ms, (now, left, p99) => {
        const deadline = now + left;
        const end = attemptDeadline(now, deadline, p99);
        expect(end).toBeLessThanOrEqual(deadline);
        expect(end).toBeGreaterThanOrEqual(deadline - Math.max(0, deadline - now) / 2 - 1e-9);
      }),
    );
  });
});

describe('failureOf', () => {
  test.each(['error', 'timeout', 'circuit-open', 'queue-full', 'lost-worker', 'breach'] as const)('lets %s be rescued', (reason) => {
    expect(failureOf(new InferenceFailure(reason, ''))).toBe(reason);
  });

  test("does not rescue what is the caller's own fault", () => {
    expect(failureOf(new InferenceFailure('invalid-input', ''))).toBeNull();
  });

  test('counts an unknown error as an error of the version', () => {
    expect(failureOf(new TypeError('bug'))).toBe('error');
  });
});

describe('attempt', { timeout: 60_000 }, () => {
  let version: ServingVersion | null = null;

  const open = async (way: 'nan' | 'out-of-range' | null): Promise<ServingVersion> => {
    const bundle = await realBundle('card-fraud', '2.0.0');
    const opened = await openVersion(way === null ? bundle : { ...bundle, modelBytes: await brokenModel(way) }, {
      launcher,
      monotonicMs,
      hooks: createRecordingHooks().hooks,
    });
    version = opened.version;
    if (opened.version === null) throw new Error(JSON.stringify(opened.faults));
    return opened.version;
  };
  const rows = ({ bundle }: ServingVersion) => bundle.golden[0]?.golden.request.inputs ?? [];

  afterEach(() => version?.close());

  test('answers with guarded rows', async () => {
    const opened = await open(null);
    const answer = await attempt(opened, { rows: rows(opened), deadlineMs: monotonicMs() + 30_000, form, span, monotonicMs });
    expect(answer.rows).toEqual([{ fraud_probability: expect.closeTo(0.00043, 4), flagged: false }]);
    expect(answer.prediction.batchRows).toBe(1);
    expect(answer.guardMs).toBeGreaterThanOrEqual(0);
  });

  test.each([
    ['nan', 'NaN'],
    ['out-of-range', '1.5'],
  ] as const)('fails as a breach when the output is %s, and only then', async (way, got) => {
    const opened = await open(way);
    const attemptWith = (amount: number) =>
      attempt(opened, { rows: rows(opened).map((row) => ({ ...row, amount })), deadlineMs: monotonicMs() + 30_000, form, span, monotonicMs });
    const [sound, broken] = await Promise.allSettled([attemptWith(45.5), attemptWith(5_000)]);
    expect(sound.status).toBe('fulfilled');
    expect(broken).toMatchObject({ reason: { reason: 'breach', message: expect.stringContaining(got) } });
  });

  test('fails as a breach when the answer cannot be given in the form that was asked for, and says why to the caller', async () => {
    const opened = await open(null);
    const attemptAs = (unwritable: (answer: GivenParts) => string | null) =>
      attempt(opened, { rows: rows(opened), deadlineMs: monotonicMs() + 30_000, form: { kind: 'tensors', unwritable }, span, monotonicMs });
    const seen: GivenParts[] = [];
    const { rows: outputs, prediction } = await attemptAs((answer) => {
      seen.push(answer);
      return null;
    });
    expect(seen).toEqual([{ contract: opened.bundle.contract, tensors: prediction.outputs, outputs }]);
    const failure = { reason: 'breach', message: 'There is no such form.', detail: 'There is no such form.' };
    await expect(attemptAs(() => 'There is no such form.')).rejects.toMatchObject(failure);
  });
});
