import { createHmac } from 'node:crypto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createMac } from '../../../src/data-plane/observe/mac.ts';

test('is the HMAC-SHA-256 of node:crypto for every key of up to 64 bytes and every message', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 64 }), fc.uint8Array({ maxLength: 300 }), (key, message) => {
      expect(Buffer.from(createMac(key)(message), 'latin1').toString('hex')).toBe(createHmac('sha256', key).update(message).digest('hex'));
    }),
  );
});

test('refuses a key that would have to be hashed first', () => {
  expect(() => createMac(new Uint8Array(65))).toThrow('at most 64');
});
