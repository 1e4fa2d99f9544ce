import { describe, expect, it } from 'vitest';
import { serveableTensors } from '../../src/bundle/serveable-tensors.ts';

const input = { name: 'X', datatype: 'FP32', shape: [-1, 4] };
const score = { name: 'score', datatype: 'FP32', shape: [-1, 1] };

describe('serveableTensors', () => {
  it('lets a table and its score through', () => {
    expect(serveableTensors({ inputs: [input], outputs: [score] })).toEqual({ inputs: [input], outputs: [score], notes: [], faults: [] });
  });

  it('refuses a sequence of maps with the export that makes a tensor', () => {
    const zipped = { name: 'output_probability', datatype: 'not a tensor', shape: [] };
    const { faults } = serveableTensors({ inputs: [input], outputs: [score, zipped] });
    expect(faults).toEqual([expect.stringContaining("options={'zipmap': False}")]);
  });

  it.each([
    { shape: [1, 4], advice: 'dynamic_axes' },
    { shape: [-1, -1], advice: 'fixed sizes' },
    { shape: [], advice: 'dynamic_axes' },
  ])('refuses an input of the shape $shape and says how it is exported', ({ shape, advice }) => {
    const { faults } = serveableTensors({ inputs: [{ ...input, shape }], outputs: [score] });
    expect(faults).toEqual([expect.stringContaining(`X: got shape [${shape.join(', ')}]`)]);
    expect(faults[0]).toContain(advice);
  });

  it('leaves an output out that has no row for each row, and says so', () => {
    const label = { name: 'label', datatype: 'INT64', shape: [1] };
    expect(serveableTensors({ inputs: [input], outputs: [label, score] })).toMatchObject({
      outputs: [score],
      faults: [],
      notes: [expect.stringMatching(/^left out the output label: got shape \[1\].*dim_param = 'N'/)],
    });
  });

  it('refuses a graph of which no output can be served', () => {
    expect(serveableTensors({ inputs: [input], outputs: [{ ...score, shape: [1, 1] }] }).faults).toHaveLength(1);
  });

  it('refuses a graph without inputs', () => {
    expect(serveableTensors({ inputs: [], outputs: [score] }).faults).toEqual(['got a graph without inputs, expected one']);
  });
});
