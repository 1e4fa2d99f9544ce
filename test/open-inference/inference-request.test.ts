import { describe, expect, it } from 'vitest';
import { readRequestHead, withTensors } from '../../src/open-inference/inference-request.ts';

const input = { name: 'x', datatype: 'FP32', shape: [1, 3], data: [1, 2, 3] };
const plain = { inputs: [input] };

describe('a request', () => {
  it('may say null for whatever it leaves out', () => {
    const sent = { id: null, parameters: null, inputs: [{ ...input, parameters: null }], outputs: null };
    expect(readRequestHead(sent)).toEqual(readRequestHead(plain));
    expect(withTensors(readRequestHead(sent), Buffer.alloc(0), 0).inputs).toEqual([{ ...input, data: Float32Array.of(1, 2, 3) }]);
  });

  it.each(['binary_data_output', 'timeout', 'routing_key', 'sequence_id', 'sequence_start', 'sequence_end'])(
    'leaves out the parameter %s with null',
    (name) => {
      expect(readRequestHead({ ...plain, parameters: { [name]: null } })).toEqual(readRequestHead(plain));
    },
  );

  it.each(['binary_data', 'classification', 'shared_memory_region'])('leaves out the parameter %s of an output with null', (name) => {
    const parameters = { binary_data_output: true };
    const outputs = [{ name: 'y', parameters: { [name]: null } }];
    expect(readRequestHead({ ...plain, parameters, outputs }).outputs).toEqual([{ name: 'y', binary: true }]);
  });

  it.each([
    ['all', '"all"'],
    [[1], 'a list of 1'],
  ])('has parameters that are an object, not %j', (parameters, got) => {
    expect(() => readRequestHead({ ...plain, parameters })).toThrow(`parameters: got ${got}, expected an object of parameters.`);
  });

  it('asks for each output once', () => {
    const outputs = [{ name: 'y' }, { name: 'z' }, { name: 'y', parameters: { binary_data: true } }];
    expect(() => readRequestHead({ ...plain, outputs })).toThrow(
      expect.objectContaining({ type: 'malformed-request', message: 'outputs[2].name: got "y", expected each output once.' }),
    );
  });
});
