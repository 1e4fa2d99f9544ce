import { deflateSync, gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { inflateBody } from '../../src/http/inflate-body.ts';
import { ProblemError } from '../../src/problem.ts';

const limits = { maxBytes: 1_000_000, hold: (): void => undefined };
const text = Buffer.from('{"a":1}'.repeat(1_000));

describe('inflateBody', () => {
  it.each([
    { encoding: 'gzip', body: gzipSync(text) },
    { encoding: ' GZIP ', body: gzipSync(text) },
    { encoding: 'gzip', body: Buffer.concat([gzipSync(text.subarray(0, 3_000)), gzipSync(text.subarray(3_000))]) },
    { encoding: 'deflate', body: deflateSync(text) },
  ])('reads $encoding', async ({ encoding, body }) => {
    expect(await inflateBody(body, encoding, limits)).toEqual(text);
  });

  it('refuses what is not in its encoding, ends early, or has another one', async () => {
    await expect(inflateBody(text, 'gzip', limits)).rejects.toMatchObject({ type: 'malformed-request' });
    await expect(inflateBody(gzipSync(text).subarray(0, -9), 'gzip', limits)).rejects.toMatchObject({ type: 'malformed-request' });
    await expect(inflateBody(Buffer.alloc(0), 'gzip', limits)).rejects.toMatchObject({ type: 'malformed-request' });
    await expect(inflateBody(text, 'br', limits)).rejects.toMatchObject({ type: 'unsupported-media-type' });
  });

  it('stops at the limit, long before all is inflated', async () => {
    let held = 0;
    const bomb = gzipSync(Buffer.alloc(50_000_000));
    const hold = (bytes: number): void => {
      held += bytes;
    };
    await expect(inflateBody(bomb, 'gzip', { maxBytes: 1_000_000, hold })).rejects.toMatchObject({ type: 'request-too-large' });
    expect(held).toBeLessThanOrEqual(1_000_000);
  });

  it('holds each byte that it makes, and stops when no more may be held', async () => {
    const held: number[] = [];
    await inflateBody(gzipSync(text), 'gzip', { ...limits, hold: (bytes) => void held.push(bytes) });
    expect(held.reduce((sum, bytes) => sum + bytes, 0)).toBe(text.length);
    const full = (): void => {
      throw new ProblemError('overloaded', 'full');
    };
    await expect(inflateBody(gzipSync(text), 'gzip', { ...limits, hold: full })).rejects.toMatchObject({ type: 'overloaded' });
  });
});
