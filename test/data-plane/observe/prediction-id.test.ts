import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createPredictionIds, type PredictionFacts } from '../../../src/data-plane/observe/prediction-id.ts';

const key = createHash('sha256').update('a test key').digest();
const ids = createPredictionIds({ key, incarnation: Buffer.from('00c0ffee', 'hex') });

const facts: PredictionFacts = {
  model: 'card-fraud',
  version: '2.0.0',
  rollout: '01JABCDEFGHJKMNPQRSTVWXYZ0',
  arm: 'candidate',
  evidence: 'unit',
  epoch: 7,
  assignedAtMs: 1_772_000_000_123,
  probability: 0.1,
  routingKeyHash: 'c0ffee0000c0ffee',
  score: 0.25,
};

/** 43 fixed bytes, then three names with their lengths. */
const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';

const name = fc.string({ unit: fc.constantFrom(...'abcdefghijklmnopqrstuvwxyz0123456789-.'), minLength: 1, maxLength: 255 });
const anyFacts: fc.Arbitrary<PredictionFacts> = fc.record({
  model: name,
  version: name,
  rollout: fc.option(name),
  arm: fc.constantFrom('baseline', 'candidate', null),
  evidence: fc.constantFrom('none', 'unit', 'later'),
  epoch: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
  assignedAtMs: fc.integer({ min: 0, max: 2 ** 48 - 1 }),
  probability: fc.double({ min: 0, max: 1, noNaN: true }),
  routingKeyHash: fc.option(fc.string({ unit: 'binary' }).map(ids.hashKey)),
  score: fc.option(fc.double({ min: 0, max: 1, noNaN: true })),
});

describe('verify', () => {
  it('gives back every fact of an id that was minted', () => {
    fc.assert(
      fc.property(anyFacts, (given) => {
        const { score, ...kept } = given;
        const claims = ids.verify(ids.mint(given));
        expect(claims).toEqual({
          ...kept,
          probability: expect.toSatisfy((probability: number) => probability === given.probability),
          score: score === null ? null : expect.closeTo(score, 4),
        });
      }),
      { seed: 1, numRuns: 300 },
    );
  });

  it('keeps a score to 1 part in 65,534, both ends exactly', () => {
    const scoreOf = (score: number | null) => ids.verify(ids.mint({ ...facts, score }))?.score;
    expect([0, 1, null].map(scoreOf)).toEqual([0, 1, null]);
    fc.assert(
      fc.property(fc.double({ min: 0, max: 1, noNaN: true }), (score) => Math.abs((scoreOf(score) ?? 2) - score) <= 0.5 / 65_534 + Number.EPSILON),
      { seed: 1 },
    );
  });

  it.each([-0.1, 1.1, Number.NaN, Number.POSITIVE_INFINITY])('has no score for %d', (score) => {
    expect(ids.verify(ids.mint({ ...facts, score }))?.score).toBeNull();
  });

  it('cuts the time to whole milliseconds', () => {
    expect(ids.verify(ids.mint({ ...facts, assignedAtMs: 1_772_000_000_123.9 }))?.assignedAtMs).toBe(1_772_000_000_123);
  });

  it('refuses an id with one character changed, anywhere, to any other', () => {
    const id = ids.mint(facts);
    for (let index = 0; index < id.length; index += 1) {
      for (const character of alphabet) {
        if (character === id[index]) continue;
        expect(ids.verify(`${id.slice(0, index)}${character}${id.slice(index + 1)}`)).toBeNull();
      }
    }
  });

  it('refuses every shorter or longer id', () => {
    const id = ids.mint(facts);
    for (let length = 0; length < id.length; length += 1) expect(ids.verify(id.slice(0, length))).toBeNull();
    for (const more of ['A', 'AA', 'AAA', 'AAAA', '=', ' ', '\n', '\u0000']) expect([ids.verify(id + more), ids.verify(more + id)]).toEqual([null, null]);
  });

  it('refuses the same bytes in another spelling', () => {
    const id = Array.from({ length: 50 }, () => ids.mint(facts)).find((one) => /[-_]/.test(one)) ?? '';
    expect(ids.verify(id)).not.toBeNull();
    for (const other of [`${id}=`, `${id.slice(0, 4)}\n${id.slice(4)}`, id.replaceAll('-', '+').replaceAll('_', '/')]) expect(ids.verify(other)).toBeNull();
  });

  it('refuses an id of another key', () => {
    const others = createPredictionIds({ key: createHash('sha256').update('another key').digest(), incarnation: Buffer.alloc(4) });
    expect(others.verify(ids.mint(facts))).toBeNull();
    expect(ids.verify(others.mint(facts))).toBeNull();
  });

  it('takes an id of another life of the process with the same key', () => {
    const later = createPredictionIds({ key, incarnation: Buffer.from('deadbeef', 'hex') });
    expect(later.verify(ids.mint(facts))).toMatchObject({ model: 'card-fraud', epoch: 7 });
  });

  it.each([
    ['nothing', ''],
    ['text', 'not an id'],
    ['non-ASCII text', 'é'.repeat(120)],
    ['emoji', '🙂'.repeat(80)],
    ['half a surrogate pair', '\ud800'],
    ['zeros', 'A'.repeat(120)],
    ['ones', '_'.repeat(120)],
    ['a megabyte', 'A'.repeat(2 ** 20)],
    ['a megabyte of non-ASCII', '漢'.repeat(2 ** 20)],
    ['a path', '../../etc/passwd'],
  ])('refuses %s', (_, id) => {
    expect(ids.verify(id)).toBeNull();
  });

  it('never throws, and refuses any text that it did not mint', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string({ unit: 'binary' }),
          fc.base64String(),
          fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes).toString('base64url')),
        ),
        (id) => ids.verify(id) === null,
      ),
      { seed: 1, numRuns: 1_000 },
    );
  });
});

describe('mint', () => {
  it('gives another id each time for the same facts', () => {
    const minted = new Set(Array.from({ length: 10_000 }, () => ids.mint(facts)));
    expect(minted.size).toBe(10_000);
  });

  it('gives other ids in another life of the process, from its first on', () => {
    const lives = ['00000001', '00000002'].map((incarnation) => createPredictionIds({ key, incarnation: Buffer.from(incarnation, 'hex') }));
    expect(new Set(lives.map((life) => life.mint(facts))).size).toBe(2);
  });

  it('needs no more than 200 characters for an ordinary model', () => {
    const id = ids.mint(facts);
    expect(id.length).toBeLessThan(200);
    expect(id).toMatch(/^[A-Za-z0-9_-]+$/);
  });

  it('fails for a name that is longer than its length can say', () => {
    expect(() => ids.mint({ ...facts, version: '1'.repeat(256) })).toThrow(RangeError);
  });
});

describe('hashKey', () => {
  it('is 16 hexadecimal characters, the same each time, another for another key', () => {
    expect(ids.hashKey('customer-1')).toMatch(/^[0-9a-f]{16}$/);
    expect(ids.hashKey('customer-1')).toBe(ids.hashKey('customer-1'));
    expect(ids.hashKey('customer-1')).not.toBe(ids.hashKey('customer-2'));
  });

  it('is another with another secret, so that nobody can try names', () => {
    const others = createPredictionIds({ key: createHash('sha256').update('another key').digest(), incarnation: Buffer.alloc(4) });
    expect(others.hashKey('customer-1')).not.toBe(ids.hashKey('customer-1'));
    expect(ids.hashKey('customer-1')).not.toBe(createHash('sha256').update('customer-1').digest('hex').slice(0, 16));
  });
});
