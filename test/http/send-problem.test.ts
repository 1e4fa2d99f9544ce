import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { sendProblem } from '../../src/http/send-problem.ts';
import { ProblemError, type ProblemType, problems } from '../../src/problem.ts';

let server: Server | null = null;
afterEach(async () => {
  await new Promise((resolve) => (server === null ? resolve(null) : server.close(resolve)));
  server = null;
});

/** What a client gets from a bare server whose every request meets `error`. */
const answerTo = async (error: unknown, context: { path?: string; random?: number; traceId?: string; afterHeaders?: boolean } = {}) => {
  const { path = '/infer', random = 0, traceId, afterHeaders = false } = context;
  server = createServer((_request, response) => {
    if (afterHeaders) response.write('half');
    sendProblem(response, error, { requestId: 'request-1', path, random: () => random, ...(traceId === undefined ? {} : { traceId }) });
  });
  await new Promise<void>((resolve) => server?.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const response = await fetch(`http://127.0.0.1:${port}${path}`);
  return { status: response.status, headers: Object.fromEntries(response.headers), body: JSON.parse(await response.text()) };
};

describe('a problem', () => {
  it('is sent with all that is known of it', async () => {
    const errors = [{ pointer: '#/inputs/0/amount', detail: 'is too large', got: '5', expected: 'at most 4', unit: 'EUR' }];
    const { status, headers, body } = await answerTo(new ProblemError('contract-violation', 'One field is wrong.', { errors }), { traceId: 'abc' });
    expect(status).toBe(400);
    expect(headers).toMatchObject({ 'content-type': 'application/problem+json', 'x-request-id': 'request-1' });
    expect(body).toEqual({
      type: '/problems/contract-violation',
      title: 'The inputs break the data contract',
      status: 400,
      detail: 'One field is wrong.',
      instance: 'request-1',
      traceId: 'abc',
      errors,
    });
  });

  it('carries its own headers', async () => {
    expect((await answerTo(new ProblemError('method-not-allowed', 'No.', { headers: { allow: 'POST' } }))).headers.allow).toBe('POST');
  });

  it('has an error text for the Open Inference Protocol, and exactly its content type', async () => {
    const { headers, body } = await answerTo(new ProblemError('model-not-found', 'There is no model x.'), { path: '/v2/models/x' });
    expect(headers['content-type']).toBe('application/json');
    expect(body).toMatchObject({ error: 'There is no model x.', detail: 'There is no model x.', type: '/problems/model-not-found' });
  });

  it.each(Object.keys(problems) as ProblemType[])('of type %s has its status, and Retry-After when it can be retried', async (type) => {
    const { status, headers } = await answerTo(new ProblemError(type, 'Detail.'));
    expect(status).toBe(problems[type].status);
    expect(headers['retry-after']).toBe([429, 503].includes(status) ? '1' : undefined);
  });

  it('spreads those who come back', async () => {
    expect((await answerTo(new ProblemError('overloaded', 'Later.'), { random: 0.99 })).headers['retry-after']).toBe('2');
  });

  it.each([new Error('password is hunter2'), 'hunter2', null, undefined])('shows nothing of a fault of our own: %s', async (error) => {
    const { status, body } = await answerTo(error);
    expect(status).toBe(500);
    expect(body.type).toBe('/problems/internal');
    expect(JSON.stringify(body)).not.toContain('hunter2');
  });

  it('ends an answer that has begun, rather than completing it', async () => {
    await expect(answerTo(new Error('late'), { afterHeaders: true })).rejects.toThrow();
  });
});
