import { describe, expect, it } from 'vitest';
import { splitBody } from '../../src/open-inference/framing.ts';
import { createKnownHeads } from '../../src/open-inference/known-heads.ts';
import { ProblemError } from '../../src/problem.ts';

const headOf = (document: unknown): Buffer => Buffer.from(JSON.stringify(document));
const call = { inputs: [{ name: 'x', datatype: 'FP32', shape: [1, 1], parameters: { binary_data_size: 4 } }] };

describe('the JSON before binary data', () => {
  it('is parsed once for as often as it comes, whatever bytes follow', () => {
    const parse = createKnownHeads();
    const head = headOf(call);
    const [one, other] = [1, 2].map((byte) => splitBody(Buffer.concat([head, Buffer.alloc(4, byte)]), String(head.length), parse));
    expect(one?.json).toEqual(call);
    expect(other?.json).toBe(one?.json);
    expect([one?.binary[0], other?.binary[0]]).toEqual([1, 2]);
  });

  it('is told apart by its last byte', () => {
    const parse = createKnownHeads();
    expect([1, 2].map((size) => parse(headOf({ size })))).toEqual([{ size: 1 }, { size: 2 }]);
  });

  it('cannot be changed by whoever reads it', () => {
    const json = createKnownHeads()(headOf(call)) as typeof call;
    expect(() => json.inputs[0]?.shape.push(7)).toThrow(TypeError);
  });

  it.each([
    ['with an id, which is another each time', headOf({ ...call, id: 'r-1' })],
    ['that is long', headOf({ ...call, parameters: { note: 'x'.repeat(1_100) } })],
    ['that is no object', headOf([1])],
  ])('%s is not kept', (_, head) => {
    const parse = createKnownHeads();
    const first = parse(head);
    expect(parse(head)).toEqual(first);
    expect(parse(head)).not.toBe(first);
  });

  it('is forgotten when too many others came, and read all the same', () => {
    const parse = createKnownHeads();
    const first = parse(headOf({ size: 0 }));
    for (let size = 1; size <= 256; size += 1) parse(headOf({ size }));
    const again = parse(headOf({ size: 0 }));
    expect(again).toEqual(first);
    expect(again).not.toBe(first);
  });

  it.each([
    ['no JSON', Buffer.from('{"a"')],
    ['no UTF-8', Buffer.from([0x22, 0xff, 0x22])],
  ])('that is %s is refused each time', (_, head) => {
    const parse = createKnownHeads();
    for (const _time of [1, 2]) expect(() => parse(head)).toThrow(ProblemError);
  });
});
