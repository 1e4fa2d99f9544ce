import { describe, expect, it } from 'vitest';
import { readTimeoutMs } from '../../src/http/read-timeout.ts';

const timeoutOf = (headers: Record<string, string>) => readTimeoutMs((name) => headers[name]);

describe('readTimeoutMs', () => {
  it.each<[Record<string, string>, number | null]>([
    [{}, null],
    [{ 'x-request-timeout-ms': '250' }, 250],
    [{ 'x-request-timeout-ms': '1' }, 1],
    [{ 'x-request-timeout-ms': '999999999' }, 999_999_999],
    [{ 'x-envoy-expected-rq-timeout-ms': '15' }, 15],
    [{ 'grpc-timeout': '2H' }, 7_200_000],
    [{ 'grpc-timeout': '3M' }, 180_000],
    [{ 'grpc-timeout': '4S' }, 4_000],
    [{ 'grpc-timeout': '50m' }, 50],
    [{ 'grpc-timeout': '1500u' }, 1.5],
    [{ 'grpc-timeout': '2000000n' }, 2],
    [{ 'grpc-timeout': '99999999S' }, 99_999_999_000],
  ])('of %j is %s', (headers, expected) => {
    const timeoutMs = timeoutOf(headers);
    expect(timeoutMs === null ? null : Number(timeoutMs.toFixed(6))).toBe(expected);
  });

  it('is the smallest of all', () => {
    expect(timeoutOf({ 'x-request-timeout-ms': '300', 'x-envoy-expected-rq-timeout-ms': '200', 'grpc-timeout': '1S' })).toBe(200);
    expect(timeoutOf({ 'x-request-timeout-ms': '300', 'x-envoy-expected-rq-timeout-ms': '200', 'grpc-timeout': '100m' })).toBe(100);
  });

  it.each(['x-request-timeout-ms', 'x-envoy-expected-rq-timeout-ms'])('%s must be whole milliseconds', (name) => {
    for (const text of ['', '0', '-1', '1.5', '1e3', '10ms', ' 10', '10, 20', 'NaN', '1000000000', '٣']) {
      expect(() => timeoutOf({ [name]: text })).toThrow(
        expect.objectContaining({ type: 'malformed-request', message: `${name}: got ${JSON.stringify(text)}, expected whole milliseconds of at least 1.` }),
      );
    }
  });

  it.each(['', '10', 'S', '1s', '1h', '1.5S', '-1S', '123456789S', '1 S', '1SS'])('grpc-timeout may not be %j', (text) => {
    expect(() => timeoutOf({ 'grpc-timeout': text })).toThrow(
      expect.objectContaining({
        type: 'malformed-request',
        message: `grpc-timeout: got ${JSON.stringify(text)}, expected at most 8 digits and one of H, M, S, m, u, n.`,
      }),
    );
  });

  it('refuses one that is wrong beside one that is right', () => {
    expect(() => timeoutOf({ 'x-request-timeout-ms': '100', 'grpc-timeout': 'soon' })).toThrow('grpc-timeout');
  });
});
