import { describe, expect, it } from 'vitest';
import { sampledInputs } from '../../src/cli/sample-columns.ts';

const table = [{ name: 'x', datatype: 'FP32', shape: [-1, 3] }];
const fieldsOf = (columns: readonly string[], rows: readonly Readonly<Record<string, unknown>>[]) => {
  const { inputs, rows: requests } = sampledInputs(table, { sample: { columns, rows }, ignored: [] });
  return { fields: inputs.flatMap(({ fields = [] }) => fields.map(({ name, width }) => ({ name, width }))), requests };
};

describe('the columns of a small table', () => {
  it('are one list under the name of the tensor, where the sample has lists there', () => {
    const rows = [{ x: [1, 2, 3] }, { x: [[4, 5, 6]] }];
    expect(fieldsOf(['x'], rows)).toEqual({ fields: [{ name: 'x', width: 3 }], requests: [{ x: [1, 2, 3] }, { x: [4, 5, 6] }] });
  });

  it('may stand beside columns that are no input', () => {
    expect(fieldsOf(['id', 'x'], [{ id: 7, x: [1, 2, 3] }])).toEqual({ fields: [{ name: 'x', width: 3 }], requests: [{ x: [1, 2, 3] }] });
  });

  it('are fields of their own, also where one is called as the tensor', () => {
    expect(fieldsOf(['a', 'x', 'c'], [{ a: 1, x: 2, c: 3 }])).toEqual({
      fields: ['a', 'x', 'c'].map((name) => ({ name, width: 1 })),
      requests: [{ a: 1, x: 2, c: 3 }],
    });
  });

  it('are as many as the tensor takes', () => {
    expect(() => fieldsOf(['x'], [{ x: 1 }])).toThrow('the sample has 1 columns (x)');
    expect(() => fieldsOf(['x'], [{ x: [1, 2] }])).toThrow('row 1 of the sample, column x: got a list of 2, expected a list of 3 values');
  });
});
