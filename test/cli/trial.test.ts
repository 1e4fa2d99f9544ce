import { describe, expect, it } from 'vitest';
import type { BundleDraft } from '../../src/bundle/draft-bundle.ts';
import { differencesFrom } from '../../src/bundle/golden-case.ts';
import { createTrial } from '../../src/cli/trial.ts';

const [probability, total] = [0.25, 1e6];

const draft: BundleDraft = {
  model: 'two',
  version: '1.0.0',
  inputs: [{ name: 'x', datatype: 'FP32', shape: [-1, 1] }],
  outputs: [
    { name: 'total', datatype: 'FP32', shape: [-1, 1] },
    { name: 'p', datatype: 'FP32', shape: [-1, 1] },
  ],
  remote: null,
  maxRows: 1,
  golden: [],
  sample: null,
  contractId: '00000000-0000-4000-8000-000000000001',
};

const tensor = (value: number) => ({ datatype: 'FP32' as const, shape: [1, 1], data: Float32Array.of(value) });
const trial = createTrial(draft, async () => ({ outputs: { total: tensor(total), p: tensor(probability) }, luma: null }));

describe('a recorded golden case', () => {
  it('holds each output to its own size, however large another one is', async () => {
    const [row = {}] = [Object.fromEntries(trial.contract.fields.map(({ name }) => [name, 1]))];
    const golden = await trial.golden([row], 'a test');
    const answer = { ...golden.expected.outputs[0] };
    expect(differencesFrom(golden, [answer])).toEqual([]);
    expect(differencesFrom(golden, [{ ...answer, total: total + 5 }])).toEqual([]);
    expect(differencesFrom(golden, [{ ...answer, p: probability + 0.01 }])).toMatchObject([{ pointer: '#/outputs/0/p' }]);
  });
});
