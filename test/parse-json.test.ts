import { describe, expect, it } from 'vitest';
import { mostLists, parseJson } from '../src/parse-json.ts';

const listsOf = (count: number, one: string): Buffer => Buffer.from(`[${Array.from({ length: count - 1 }, () => one).join(',')}]`);
const parse = (bytes: Buffer): unknown => parseJson(bytes, 'It is not JSON.');

describe('the JSON of a caller', () => {
  it.each(['[]', '{}'])('may have a million lists and objects: %s', (one) => {
    expect(parse(listsOf(mostLists, one))).toHaveLength(mostLists - 1);
  });

  it.each(['[]', '{}', '[0]'])('is refused before it is parsed where it has more: %s', (one) => {
    // It is no JSON either, which only its parser would notice.
    const many = listsOf(mostLists + 1, one).subarray(0, -1);
    expect(() => parse(many)).toThrow('The body has more than 1,000,000 lists and objects.');
  });

  it('is never refused for its size alone', () => {
    const text = 'a'.repeat(4 * mostLists);
    expect(parse(Buffer.from(JSON.stringify({ text })))).toEqual({ text });
  });

  it.each([
    [Buffer.from('{'), 'It is not JSON.'],
    [Buffer.from([0x22, 0xff, 0x22]), 'The body is not UTF-8.'],
  ])('is refused as malformed: %j', (bytes, words) => {
    expect(() => parse(bytes)).toThrow(expect.objectContaining({ type: 'malformed-request', message: words }) as Error);
  });
});
