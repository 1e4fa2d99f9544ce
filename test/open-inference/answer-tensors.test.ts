import { describe, expect, it } from 'vitest';
import { type AnswerParts, checkRequestedOutputs, unwritable } from '../../src/open-inference/answer-tensors.ts';
import type { InferenceRequest } from '../../src/open-inference/inference-request.ts';
import { contractWith, fieldWith, tensorOf } from '../support/contract-fields.ts';

const contract = contractWith({ passThrough: [fieldWith({ name: 'query_id', kind: 'string', required: false })] });
const tensor = (name: string) => ({ name, datatype: 'FP32', shape: [1, 1], data: Float32Array.of(1) }) as const;

const ask = (output: string, inputs: InferenceRequest['inputs']) => () =>
  checkRequestedOutputs(contract, { inputs, outputs: [{ name: output, binary: false }], binaryOutput: false });

describe('an output that is asked for', () => {
  it('is one of the model, or an id that the request carries', () => {
    expect(ask('score', [tensor('features')])).not.toThrow();
    expect(ask('query_id', [tensor('features'), tensor('query_id')])).not.toThrow();
  });

  it.each([
    {
      title: 'an id that the request lacks',
      output: 'query_id',
      inputs: [tensor('features')],
      expected: 'an output of the model, or an id that the request carries',
    },
    {
      title: 'an id of a raw request',
      output: 'query_id',
      inputs: { raw: Buffer.alloc(4) },
      expected: 'an output of the model, or an id that the request carries',
    },
    { title: 'nothing that the model has', output: 'nobody', inputs: [tensor('features')], expected: 'score, query_id' },
  ])('is refused when it is $title', ({ output, inputs, expected }) => {
    expect(ask(output, inputs)).toThrow(`outputs[0].name: got "${output}", expected ${expected}`);
  });
});

describe('an answer', () => {
  const half = tensorOf([fieldWith({ name: 'half' })], 'FP16', 'half');
  const answerOf = (outputs: AnswerParts['outputs']): AnswerParts => ({
    contract: { ...contract, outputs: [...contract.outputs, half] },
    tensors: { score: tensor('score'), half: { datatype: 'FP16', shape: [1, 1], data: Float16Array.of(1) } },
    outputs,
  });
  const whyNot = (...asked: readonly { readonly name: string; readonly binary: boolean }[]) =>
    unwritable(answerOf([{ score: 1, half: 1 }]), { outputs: asked, binaryOutput: false });

  it('can be given as bytes, all of it, and as JSON but for half precision', () => {
    expect(unwritable(answerOf([{ score: 1, half: 1 }]), { outputs: null, binaryOutput: true })).toBeNull();
    expect(whyNot({ name: 'score', binary: false }, { name: 'half', binary: true })).toBeNull();
  });

  it('says why it cannot be given as it was asked for', () => {
    const noJson = 'Output half is FP16, which has no JSON form: ask for it with binary_data.';
    expect(unwritable(answerOf([{ score: 1, half: 1 }]), { outputs: null, binaryOutput: false })).toBe(noJson);
    expect(whyNot({ name: 'score', binary: true }, { name: 'half', binary: false })).toBe(noJson);
    expect(whyNot({ name: 'rank', binary: true })).toBe('The version that answered has no output rank.');
  });

  it('lacks an id that is asked for when one of its rows does', () => {
    const asked = { outputs: [{ name: 'query_id', binary: false }], binaryOutput: false };
    expect(unwritable(answerOf([{ query_id: 'a' }, { query_id: 'b' }]), asked)).toBeNull();
    expect(unwritable(answerOf([{ query_id: 'a' }, {}]), asked)).toBe('The version that answered has no output query_id.');
  });
});
