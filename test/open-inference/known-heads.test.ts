import { describe, expect, it } from 'vitest';
import { withTensors } from '../../src/open-inference/inference-request.ts';
import { createKnownHeads } from '../../src/open-inference/known-heads.ts';
import { ProblemError } from '../../src/problem.ts';

interface Call {
  readonly name?: string;
  readonly id?: string;
  readonly parameters?: Readonly<Record<string, unknown>>;
}

const headOf = ({ name = 'x', ...others }: Call = {}): Buffer =>
  Buffer.from(JSON.stringify({ ...others, inputs: [{ name, datatype: 'UINT8', shape: [1, 4], parameters: { binary_data_size: 4 } }] }));

describe('the JSON before binary data', () => {
  it('is read once for as often as it comes, whatever bytes follow', () => {
    const read = createKnownHeads();
    const head = headOf();
    const bodies = [1, 2].map((byte) => Buffer.concat([head, Buffer.alloc(4, byte)]));
    const [one, other] = bodies.map((body) => ({ head: read(body, head.length), body }));
    expect(one?.head.inputs).toMatchObject([{ name: 'x', datatype: 'UINT8', shape: [1, 4], binaryBytes: 4 }]);
    expect(other?.head).toBe(one?.head);
    const values = [one, other].map((call) => call && withTensors(call.head, call.body, head.length).inputs);
    expect(values).toMatchObject([[{ data: new Uint8Array(4).fill(1) }], [{ data: new Uint8Array(4).fill(2) }]]);
  });

  it('is told apart by one letter', () => {
    const read = createKnownHeads();
    const names = ['x', 'y'].map((name) => read(headOf({ name }), headOf({ name }).length).inputs[0]?.name);
    expect(names).toEqual(['x', 'y']);
  });

  it('is known again after another one of the same length', () => {
    const read = createKnownHeads();
    const [x, y] = ['x', 'y'].map((name) => headOf({ name }));
    const first = x && read(x, x.length);
    const second = y && read(y, y.length);
    expect(x && read(x, x.length)).toBe(first);
    expect(y && read(y, y.length)).toBe(second);
    expect(second).not.toEqual(first);
  });

  it('cannot be changed by whoever uses it', () => {
    const head = createKnownHeads()(headOf(), headOf().length);
    const [shape] = head.inputs.map((input) => input.shape as number[]);
    expect(() => shape?.push(7)).toThrow(TypeError);
  });

  it.each([
    ['with an id, which is another each time', headOf({ id: 'r-1' })],
    ['that is long', headOf({ parameters: { note: 'x'.repeat(1_100) } })],
  ])('%s is not kept', (_, bytes) => {
    const read = createKnownHeads();
    const first = read(bytes, bytes.length);
    expect(read(bytes, bytes.length)).toEqual(first);
    expect(read(bytes, bytes.length)).not.toBe(first);
  });

  it('is forgotten when too many others came, and read all the same', () => {
    const read = createKnownHeads();
    const readNamed = (index: number) => {
      const bytes = headOf({ name: `x${index}` });
      return read(bytes, bytes.length);
    };
    const first = readNamed(0);
    for (let index = 1; index <= 256; index += 1) readNamed(index);
    const again = readNamed(0);
    expect(again).toEqual(first);
    expect(again).not.toBe(first);
  });

  it.each([
    ['no JSON', Buffer.from('{"a"')],
    ['no UTF-8', Buffer.from([0x22, 0xff, 0x22])],
    ['no object', Buffer.from('[1]')],
    ['no request', Buffer.from('{"inputs":[]}')],
  ])('that is %s is refused each time', (_, bytes) => {
    const read = createKnownHeads();
    for (const _time of [1, 2]) expect(() => read(bytes, bytes.length)).toThrow(ProblemError);
  });
});
