import { describe, expect, it } from 'vitest';
import { checkRequestedOutputs } from '../../src/open-inference/answer-tensors.ts';
import type { InferenceRequest } from '../../src/open-inference/inference-request.ts';
import { contractWith, fieldWith } from '../support/contract-fields.ts';

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
