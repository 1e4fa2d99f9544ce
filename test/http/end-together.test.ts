import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, it, onTestFinished } from 'vitest';
import { createEndTogether } from '../../src/http/end-together.ts';

/** A server that hands over its responses, each to be ended by the test. */
const openResponses = async (count: number) => {
  const responses: ServerResponse[] = [];
  const { promise: all, resolve } = Promise.withResolvers<void>();
  const server = createServer((_, response) => {
    responses.push(response);
    if (responses.length === count) resolve();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  const { port } = server.address() as AddressInfo;
  const answers = Promise.all(Array.from({ length: count }, () => fetch(`http://127.0.0.1:${port}`).then((answer) => answer.text())));
  await all;
  return { responses, answers };
};

it('ends responses only when all that settles in the turn has been got ready, each with its own body', async () => {
  const { responses, answers } = await openResponses(3);
  const end = createEndTogether();
  const endedBefore: boolean[] = [];
  await Promise.all(
    responses.map(async (response, index) => {
      await null;
      endedBefore.push(responses.some(({ writableEnded }) => writableEnded));
      end(response, `body ${index}`, 'utf8');
    }),
  );
  expect(endedBefore).toEqual([false, false, false]);
  expect((await answers).toSorted()).toEqual(['body 0', 'body 1', 'body 2']);
});

it('ends what comes in a later turn too', async () => {
  const { responses, answers } = await openResponses(2);
  const end = createEndTogether();
  const [first, second] = responses;
  if (first === undefined || second === undefined) throw new Error('two requests were sent');
  end(first, 'é', 'latin1');
  await once(first, 'finish');
  end(second, 'é', 'utf8');
  await answers;
  expect([first.writableEnded, second.writableEnded]).toEqual([true, true]);
});
