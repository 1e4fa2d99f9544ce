import type { Tensor } from '../data-plane/contract/tensor.ts';
import type { InferAnswer } from '../data-plane/infer.ts';
import { ProblemError } from '../problem.ts';
import { answerHeaders } from './answer-headers.ts';
import type { InferEdge } from './infer-exchange.ts';
import { parseInferRequest } from './infer-request.ts';
import { parseJsonBody } from './read-body.ts';

/** `POST /infer`: rows in, rows out. */
export const inferEdge: InferEdge = {
  route: '/infer',
  serve: async (exchange) => {
    const { request, id } = parseInferRequest(parseJsonBody(exchange.request, exchange.body));
    const answer = await exchange.infer(request, { timeoutMs: null, routingKey: null });
    for (const name in answer.tensors) checkExact(name, answer.tensors[name]);
    const body = bodyOf(answer, id);
    const bytes = Buffer.byteLength(body);
    exchange.response.writeHead(200, ['content-type', 'application/json', 'content-length', String(bytes), ...answerHeaders(answer, exchange)]);
    // A byte a character: the same bytes in both encodings, and Latin-1 is copied where UTF-8 is made.
    exchange.end(exchange.response, body, bytes === body.length ? 'latin1' : 'utf8');
  },
};

/** A reader of JSON rounds a larger whole number without a word, and this one would write it rounded. */
const largestExact = BigInt(Number.MAX_SAFE_INTEGER);

/** @throws ProblemError output-rejected */
const checkExact = (name: string, tensor: Tensor | undefined): void => {
  const data = tensor?.data;
  if (!(data instanceof BigInt64Array || data instanceof BigUint64Array)) return;
  for (const value of data)
    if (value > largestExact || value < -largestExact)
      throw new ProblemError('output-rejected', `Output ${name} has ${value}, which a JSON number does not hold: ask for it on /v2.`);
};

const bodyOf = (answer: InferAnswer, id: string | null): string =>
  JSON.stringify({
    ...(id === null ? {} : { id }),
    prediction_id: answer.predictionId,
    model: answer.model,
    version: answer.version,
    arm: answer.arm,
    rescued: answer.rescued,
    outputs: answer.outputs,
  });
