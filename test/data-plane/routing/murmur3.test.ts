import { describe, expect, it } from 'vitest';
import { murmur3 } from '../../../src/data-plane/routing/murmur3.ts';

/** Computed with the Python package mmh3 5, which wraps Austin Appleby's code: `mmh3.hash(key.encode(), 0, signed=False)`. */
const vectors: readonly (readonly [string, number])[] = [
  ['', 0],
  ['a', 1_009_084_850],
  ['ab', 2_613_040_991],
  ['abc', 3_017_643_002],
  ['abcd', 1_139_631_978],
  ['abcde', 3_902_511_862],
  ['hello', 613_153_351],
  ['hello, world', 345_750_399],
  ['The quick brown fox jumps over the lazy dog', 776_992_547],
  ['é', 269_551_495],
  ['ß', 336_885_798],
  ['日本語', 2_779_017_879],
  ['🙂', 1_042_440_291],
  ['a🙂b', 1_884_633_116],
  ['Ünïcödé-ключ-鍵', 2_877_574_235],
  ['01JABCDEFGHJKMNPQRSTVWXYZ0:customer-42', 1_442_613_162],
  ['01JABCDEFGHJKMNPQRSTVWXYZ0:klant-é', 2_203_221_454],
  ['\u0000', 1_364_076_727],
  ['\u0000\u0000\u0000\u0000', 593_689_054],
  ['\u007f\u0080\u07ff\u0800\uffff\u{10000}\u{10ffff}', 2_678_516_160],
  ['x'.repeat(255), 2_825_860_012],
];

describe('murmur3', () => {
  it.each(vectors)('of %j is the reference value', (text, expected) => {
    expect(murmur3(text)).toBe(expected);
  });

  it('agrees with the reference on a thousand keys', () => {
    // The same fold in Python: total = (total * 31 + mmh3.hash(f'key-{i}-é', 0, signed=False)) % 2**32
    let total = 0n;
    for (let index = 0; index < 1_000; index += 1) total = (total * 31n + BigInt(murmur3(`key-${index}-é`))) % 2n ** 32n;
    expect(total).toBe(1_349_795_021n);
  });

  it('hashes half a surrogate pair as U+FFFD, as UTF-8 must', () => {
    expect(murmur3('a\ud83d')).toBe(murmur3('a\ufffd'));
  });
});
