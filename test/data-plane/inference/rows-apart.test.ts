import { afterEach, describe, expect, test } from 'vitest';
import type { Bundle } from '../../../src/bundle/read-bundle.ts';
import type { OpenedVersion } from '../../../src/data-plane/inference/open-version.ts';
import { openVersion } from '../../../src/data-plane/inference/open-version.ts';
import type { ServingVersion } from '../../../src/data-plane/inference/serving-version.ts';
import { amountBundle, byItself, eachByItself, ofLargest, ofSum, onlyLargest, quantised, shareOfLargest, shareOfSum } from '../../support/amount-bundle.ts';
import { livingWorkers } from '../../support/process-is-alive.ts';
import { createRecordingHooks } from '../../support/real-bundles.ts';
import { testLauncher } from '../../support/test-launcher.ts';

const launcher = testLauncher();
const monotonicMs = (): number => performance.now();
const opened: OpenedVersion[] = [];

const open = async (bundle: Bundle): Promise<OpenedVersion> => {
  const result = await openVersion(bundle, { launcher, monotonicMs, hooks: createRecordingHooks().hooks });
  opened.push(result);
  return result;
};

afterEach(async () => {
  await Promise.all(opened.splice(0).map(({ version }) => version?.close()));
  expect(livingWorkers()).toEqual([]);
});

const mended = expect.stringMatching(/rows of one request change the answers of another: export .* by itself, or set budgets.maxBatchRows to 1/);

describe('the rows of a run', { timeout: 60_000 }, () => {
  test.each([
    {
      what: 'a share of the largest row',
      graph: shareOfLargest,
      options: { requests: [[3], [7], [50]], answer: ofLargest },
      got: /^\{"fraud_probability":0.06.* for row 0 of golden\/01-case.json beside other rows, \{"fraud_probability":1,/,
    },
    { what: 'a share of the sum, with one golden row', graph: shareOfSum, options: { requests: [[3]], answer: ofSum }, got: / beside other rows, .*:1,/ },
    {
      what: 'a share of the largest row, with room for two rows',
      graph: shareOfLargest,
      options: { requests: [[3], [7]], answer: ofLargest, maxBatchRows: 2 },
      got: /golden\/01/,
    },
    {
      what: 'a share of the sum, with lists that fit into no run',
      graph: shareOfSum,
      options: { requests: [[3, 5, 7]], answer: ofSum, maxBatchRows: 2 },
      got: /golden\/01/,
    },
    {
      what: 'a share of the sum, with lists that fit into the larger runs only',
      graph: shareOfSum,
      options: { requests: [[3, 5, 7, 9, 2, 4, 6, 8, 1, 10]], answer: ofSum },
      got: /golden\/01/,
    },
    {
      what: 'amounts that are quantised over the run',
      graph: quantised,
      options: { requests: [[3], [7], [50]], answer: byItself },
      got: /golden\/01/,
    },
    {
      what: 'only some of the rows',
      graph: onlyLargest,
      options: { requests: [[3], [7]], answer: byItself },
      got: /shape \[\d, 1\], expected \[1, 1\]/,
    },
  ])('may not answer $what', async ({ graph, options, got }) => {
    const { version, golden, faults } = await open(await amountBundle(graph, options));
    expect(golden.every(({ ok }) => ok)).toBe(true);
    expect(version).toBeNull();
    // Of eight rows, or of two where the machine is so busy that single ones seem dear.
    expect(faults).toEqual([{ file: 'model.onnx', field: expect.stringMatching(/^run of [28] rows$/), got: expect.stringMatching(got), expected: mended }]);
  });

  test('may be looked at together when every request has a run to itself', async () => {
    const { version, faults } = await open(await amountBundle(shareOfLargest, { requests: [[3], [7, 14], [50]], answer: ofLargest, maxBatchRows: 1 }));
    expect(faults).toEqual([]);
    const answers = await Promise.all([3, 7, 50, 20].map((amount) => probabilities(version, [amount, amount / 2])));
    expect(answers).toEqual([3, 7, 50, 20].map(() => [1, 0.5]));
  });

  test('are answered alike alone and beside others where each is answered by itself, lists of every length among them', async () => {
    const { version, faults } = await open(
      await amountBundle(eachByItself, { requests: [[3, 5, 7], [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12], [50]], answer: byItself }),
    );
    expect(faults).toEqual([]);
    await expect(probabilities(version, [3, 50])).resolves.toEqual([3, 50].map((amount) => Math.fround(amount / 1_000)));
  });
});

const probabilities = async (version: ServingVersion | null, amounts: readonly number[]): Promise<readonly number[]> => {
  const row = version?.bundle.golden[0]?.golden.request.inputs[0] ?? {};
  const prediction = await version?.predict({ rows: amounts.map((amount) => ({ ...row, amount })), deadlineMs: monotonicMs() + 30_000, span: null });
  return Array.from(prediction?.outputs.fraud_probability?.data ?? [], Number);
};
