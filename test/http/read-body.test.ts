import { once } from 'node:events';
import { createServer, request as httpRequest, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { HoldBytes } from '../../src/http/body-budget.ts';
import { isJson, parseJsonBody, readBody } from '../../src/http/read-body.ts';
import { ProblemError } from '../../src/problem.ts';

const maxBytes = 1_000;
const free = (): void => undefined;

interface Sent {
  readonly chunks: readonly (string | Buffer)[];
  readonly headers?: Record<string, string>;
  /** Goes away instead of ending. */
  readonly destroy?: boolean;
}

/** What readBody makes of a real request: the body or the problem. */
const outcomeOf = async ({ chunks, headers = {}, destroy = false }: Sent, hold: HoldBytes = free): Promise<Buffer | ProblemError> => {
  const { promise, resolve } = Promise.withResolvers<Buffer | ProblemError>();
  const server = createServer((message, response) => {
    readBody(message, { maxBytes, hold })
      .then(resolve, (error: unknown) => resolve(ProblemError.from(error)))
      .finally(() => response.end());
  });
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo;
  const client = httpRequest({ port, method: 'POST', headers });
  client.on('error', () => undefined).on('response', (response) => response.resume());
  for (const chunk of chunks) await new Promise<void>((written) => client.write(chunk, () => written()));
  if (destroy) client.destroy();
  else client.end();
  return promise;
};

describe('readBody', () => {
  it.each<[string, Sent, string]>([
    ['nothing', { chunks: [] }, ''],
    ['one chunk', { chunks: ['{"a":1}'] }, '{"a":1}'],
    ['many chunks, a character cut in two among them', { chunks: ['"', Buffer.from([0xc3]), Buffer.from([0xa9]), '"'] }, '"é"'],
    ['a body of just the limit', { chunks: ['x'.repeat(maxBytes)] }, 'x'.repeat(maxBytes)],
  ])('reads %s', async (_, sent, expected) => {
    const body = await outcomeOf(sent);
    expect(String(body)).toBe(expected);
  });

  it('keeps nothing that may not be held, and hears of every byte that it keeps', async () => {
    const held: number[] = [];
    const hold = (bytes: number): void => {
      if (held.length === 2) throw new ProblemError('overloaded', 'full');
      held.push(bytes);
    };
    expect(await outcomeOf({ chunks: ['123', '4567'] }, hold)).toEqual(Buffer.from('1234567'));
    expect(held.reduce((sum, bytes) => sum + bytes, 0)).toBe(7);
    held.push(0, 0);
    held.length = 2;
    expect(await outcomeOf({ chunks: ['123', '4567'] }, hold)).toMatchObject({ type: 'overloaded' });
  });

  it('refuses a declared length over the limit before it is read', async () => {
    const problem = await outcomeOf({ chunks: ['x'], headers: { 'content-length': '1001' }, destroy: true });
    expect(problem).toMatchObject({ type: 'request-too-large', message: 'The body has 1001 bytes, at most 1000 are expected.' });
  });

  it('refuses an undeclared body as soon as the limit is passed', async () => {
    const problem = await outcomeOf({ chunks: ['x'.repeat(600), 'x'.repeat(600), 'x'.repeat(600)] });
    expect(problem).toMatchObject({ type: 'request-too-large', message: 'The body has more than 1000 bytes, at most 1000 are expected.' });
  });

  it('says that a body ended early', async () => {
    const problem = await outcomeOf({ chunks: ['{"a"'], headers: { 'content-length': '10' }, destroy: true });
    expect(problem).toMatchObject({ type: 'malformed-request', message: 'The body ended early.' });
  });
});

describe('isJson', () => {
  it.each([
    ['application/json', true],
    ['Application/JSON', true],
    ['application/json; charset=utf-8', true],
    ['application/json ;charset=utf-8', true],
    ['application/jsonp', false],
    ['application/json+x', false],
    ['text/json', false],
    ['text/plain', false],
    [' application/json', false],
    ['', false],
    [undefined, false],
  ])('of %j is %s', (contentType, expected) => {
    expect(isJson(contentType)).toBe(expected);
  });
});

describe('parseJsonBody', () => {
  const parsed = (body: string | Buffer, headers: Record<string, string> = {}): unknown =>
    parseJsonBody({ headers: { 'content-type': 'application/json', ...headers } } as unknown as IncomingMessage, Buffer.from(body));

  it.each<[string, unknown]>([
    ['{"a":[1,"é",null]}', { a: [1, 'é', null] }],
    [' 5 ', 5],
    ['"\\ud800"', '\ud800'],
  ])('reads %s', (text, expected) => {
    expect(parsed(text)).toEqual(expected);
  });

  it.each<[string, string | Buffer, Record<string, string>, string, string]>([
    ['another content type', '{}', { 'content-type': 'text/plain' }, 'unsupported-media-type', 'The content type is text/plain, application/json is expected.'],
    ['a compressed body', '{}', { 'content-encoding': 'gzip' }, 'unsupported-media-type', 'The content encoding is gzip, none is expected.'],
    ['bytes that are no UTF-8', Buffer.from([0x22, 0xff, 0x22]), {}, 'malformed-request', 'The body is not UTF-8.'],
    ['half a surrogate pair in UTF-8', Buffer.from([0x22, 0xed, 0xa0, 0x80, 0x22]), {}, 'malformed-request', 'The body is not UTF-8.'],
    ['an empty body', '', {}, 'malformed-request', 'The body is not JSON.'],
    ['cut-off JSON', '{"a":', {}, 'malformed-request', 'The body is not JSON.'],
    ['NaN, which is no JSON', '{"a":NaN}', {}, 'malformed-request', 'The body is not JSON.'],
    ['Infinity, which is no JSON', '[-Infinity]', {}, 'malformed-request', 'The body is not JSON.'],
    ['a comment', '{/* a */}', {}, 'malformed-request', 'The body is not JSON.'],
    ['two documents', '{}{}', {}, 'malformed-request', 'The body is not JSON.'],
  ])('refuses %s', (_, ...[body, headers, type, message]) => {
    expect(() => parsed(body, headers)).toThrow(expect.objectContaining({ type, message }));
  });

  it('refuses a body without a content type', () => {
    expect(() => parseJsonBody({ headers: {} } as IncomingMessage, Buffer.from('{}'))).toThrow('The content type is not given, application/json is expected.');
  });

  it('takes the encoding identity', () => {
    expect(parsed('{}', { 'content-encoding': 'identity' })).toEqual({});
  });
});
