import { afterEach, describe, expect, test } from 'vitest';
import type { Bundle } from '../../../src/bundle/read-bundle.ts';
import { compileContract } from '../../../src/data-plane/contract/compile-contract.ts';
import { compileOutputs } from '../../../src/data-plane/guards/compile-outputs.ts';
import { createInlinePlacement } from '../../../src/data-plane/inference/inline-placement.ts';
import type { MeasuredCosts } from '../../../src/data-plane/inference/measure-costs.ts';
import { measureCosts } from '../../../src/data-plane/inference/measure-costs.ts';
import type { Placement } from '../../../src/data-plane/inference/placement.ts';
import { runGolden } from '../../../src/data-plane/inference/run-golden.ts';
import { amountBundle, byItself, eachByItself, ofLargest, shareOfLargest } from '../../support/amount-bundle.ts';

const opened: Placement[] = [];

afterEach(async () => {
  await Promise.all(opened.splice(0).map((placement) => placement.close()));
});

/** On a machine on which every run takes so long, whatever is in it. */
const measure = async (bundle: Bundle, runMs: number): Promise<MeasuredCosts> => {
  let nowMs = 0;
  const placement = await createInlinePlacement(bundle.modelBytes, () => {
    nowMs += runMs;
    return nowMs;
  });
  opened.push(placement);
  const deps = {
    contract: compileContract(bundle.contract, bundle.manifest),
    guard: compileOutputs(bundle.contract, bundle.manifest, bundle.labels),
    placement,
  };
  const { answered } = await runGolden(bundle, deps);
  return measureCosts(bundle, { ...deps, answered });
};

const apart = () => amountBundle(eachByItself, { requests: [[3], [7]], answer: byItself });
const mixing = () => amountBundle(shareOfLargest, { requests: [[3], [7]], answer: ofLargest });

describe('the costs of runs', () => {
  test('are measured up to the largest batch while they are small', async () => {
    const { costs, faults } = await measure(await apart(), 1);
    expect(costs).toEqual([1, 8, 32, 128, 256].map((rows) => ({ rows, ms: 1 })));
    expect(faults).toEqual([]);
  });

  test('are those of single rows where these are dear', async () => {
    const { costs, faults } = await measure(await apart(), 11);
    expect(costs).toEqual([{ rows: 1, ms: 11 }]);
    expect(faults).toEqual([]);
  });

  test.each([
    [1, 'run of 8 rows'],
    [11, 'run of 2 rows'],
    [50, 'run of 2 rows'],
  ])('of %i ms each are not asked for where the rows of a run change each other', async (runMs, field) => {
    const { faults } = await measure(await mixing(), runMs);
    expect(faults).toMatchObject([{ file: 'model.onnx', field }]);
  });

  test('are one row and no more where two would take too long: rows are never merged then', async () => {
    const { costs, faults } = await measure(await mixing(), 51);
    expect(costs).toEqual([{ rows: 1, ms: 51 }]);
    expect(faults).toEqual([]);
  });
});
