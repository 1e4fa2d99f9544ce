import type { InferAnswer } from '../data-plane/infer.ts';
import { answerHeaders } from './answer-headers.ts';
import type { Exchange, InferEdge } from './infer-exchange.ts';
import { parseInferRequest } from './infer-request.ts';
import { parseJsonBody } from './read-body.ts';

/** The body says rows, and nothing else. */
const ownWords: Parameters<Exchange['infer']>[1] = { timeoutMs: null, routingKey: null, form: { kind: 'rows' } };

/** `POST /infer`: rows in, rows out. */
export const inferEdge: InferEdge = {
  route: '/infer',
  serve: async (exchange) => {
    const { request, id } = parseInferRequest(parseJsonBody(exchange.request, exchange.body));
    const answer = await exchange.infer(request, ownWords);
    const body = bodyOf(answer, id);
    const bytes = Buffer.byteLength(body);
    exchange.response.writeHead(200, ['content-type', 'application/json', 'content-length', String(bytes), ...answerHeaders(answer, exchange)]);
    // A byte a character: the same bytes in both encodings, and Latin-1 is copied where UTF-8 is made.
    exchange.end(exchange.response, body, bytes === body.length ? 'latin1' : 'utf8');
  },
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
