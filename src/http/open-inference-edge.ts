/** `POST /v2/models/{model}[/versions/{version}]/infer`: tensors in, tensors out. @see https://github.com/kserve/open-inference-protocol */
import type { InferAnswer } from '../data-plane/infer.ts';
import type { AnswerForm } from '../data-plane/infer-context.ts';
import type { ModelRegistry } from '../data-plane/registry.ts';
import { answerTensors, checkRequestedOutputs, unwritable } from '../open-inference/answer-tensors.ts';
import { jsonBytesOf, lengthHeader } from '../open-inference/framing.ts';
import { type InferenceRequest, rawRequest, withTensors } from '../open-inference/inference-request.ts';
import { createKnownHeads, type ReadHead, readHead } from '../open-inference/known-heads.ts';
import { bundleModelName, bundleVersion } from '../open-inference/protocol-names.ts';
import { tensorRows } from '../open-inference/tensor-rows.ts';
import { isAscii, messageBytes, messageOf, messageText, type WrittenMessage, writeTensors } from '../open-inference/write-tensors.ts';
import { ProblemError } from '../problem.ts';
import { answerHeaders } from './answer-headers.ts';
import type { Exchange, InferEdge } from './infer-exchange.ts';
import { inflateBody } from './inflate-body.ts';

interface EdgeDeps {
  readonly registry: Pick<ModelRegistry, 'get'>;
  readonly maxBodyBytes: number;
}

/** What all calls of a gateway share. */
interface Shared extends EdgeDeps {
  /** Reads what precedes the bytes of tensors. */
  readonly readKnown: ReadHead;
}

/** Who is asked, as the path says it. */
interface Asked {
  readonly model: string;
  readonly version: string | null;
}

/** Who is asked, in the names of the bundles. */
interface AskedModel extends Asked {
  /** The model's name in the path, as JSON text. */
  readonly quotedName: string;
}

const askedOf = ({ model, version }: Asked): AskedModel => {
  const name = decode(model);
  return { model: bundleModelName(name), version: version === null ? null : bundleVersion(decode(version)), quotedName: JSON.stringify(name) };
};

/** A copy of this size takes a few microseconds. */
const maxJoinedBytes = 16_384;

const inferPath = /^\/v2\/models\/([^/?]+)(?:\/versions\/([^/?]+))?\/infer(?:\?|$)/;

const decode = (part: string): string => {
  try {
    return decodeURIComponent(part);
  } catch (cause) {
    throw new ProblemError('malformed-request', 'The path cannot be decoded.', { cause });
  }
};

/** A client calls the same few urls again and again: reading one costs as much as reading a small tensor. */
const mostKnownUrls = 256;

/** The edge of a url, or null when it is no inference call. */
export const createOpenInferenceEdge = (deps: EdgeDeps): ((url: string) => InferEdge | null) => {
  const shared = { ...deps, readKnown: createKnownHeads() };
  const known = new Map<string, InferEdge>();
  return (url) => {
    const kept = known.get(url);
    if (kept !== undefined) return kept;
    const made = edgeOf(url, shared);
    if (made === null) return null;
    if (known.size === mostKnownUrls) known.clear();
    known.set(url, made);
    return made;
  };
};

const edgeOf = (url: string, shared: Shared): InferEdge | null => {
  const [, model, version] = inferPath.exec(url) ?? [];
  if (model === undefined) return null;
  const route = version === undefined ? '/v2/models/{model}/infer' : '/v2/models/{model}/versions/{version}/infer';
  try {
    const asked = askedOf({ model, version: version ?? null });
    return { route, serve: (exchange) => serve(exchange, asked, shared) };
  } catch (error) {
    return { route, serve: () => Promise.reject(error) };
  }
};

const readRequest = (body: Buffer, header: string | undefined, readKnown: ReadHead): InferenceRequest => {
  const jsonBytes = jsonBytesOf(body, header);
  if (jsonBytes === 0) return rawRequest(body);
  const head = jsonBytes < body.length ? readKnown(body, jsonBytes) : readHead(body, jsonBytes);
  return withTensors(head, body, jsonBytes);
};

const formOf = (inference: InferenceRequest): AnswerForm => ({ kind: 'tensors', unwritable: (answer) => unwritable(answer, inference) });

const serve = async (exchange: Exchange, asked: AskedModel, { registry, maxBodyBytes, readKnown }: Shared): Promise<void> => {
  const { request, header } = exchange;
  const encoding = request.headers['content-encoding'];
  const body =
    encoding === undefined || encoding === 'identity'
      ? exchange.body
      : await inflateBody(exchange.body, encoding, { maxBytes: maxBodyBytes, hold: exchange.hold });
  const inference = readRequest(body, header(lengthHeader), readKnown);
  const { model, version } = asked;
  const serving = registry.get(model);
  const answering = version === null ? serving?.baseline : serving?.versions.get(version);
  // Who is not there is told so by the request path itself.
  if (answering != null) checkRequestedOutputs(answering.bundle.contract, inference);
  const rows = tensorRows(inference.inputs);
  try {
    const { timeoutMs, routingKey } = inference;
    const answer = await exchange.infer({ model, version, inputs: rows }, { timeoutMs, routingKey, form: formOf(inference) });
    send(exchange, answer, answerMessage(answer, { asked, inference }));
  } catch (error) {
    throw error instanceof ProblemError ? rows.locate(error) : error;
  }
};

/** A parameter of the protocol is never null, so a pinned request just has no arm. Prediction ids and arms need no escaping. */
const parametersOf = ({ predictionId, arm, rescued }: InferAnswer): string =>
  `{"prediction_id":"${predictionId}",${arm === null ? '' : `"arm":"${arm}",`}"rescued":${rescued}}`;

const answerMessage = (answer: InferAnswer, { asked, inference }: { readonly asked: AskedModel; readonly inference: InferenceRequest }): WrittenMessage => {
  const { json, binary } = writeTensors(answerTensors(answer, inference));
  const id = inference.id === null ? '' : `"id":${JSON.stringify(inference.id)},`;
  const head = `{"model_name":${asked.quotedName},"model_version":${JSON.stringify(answer.version)},${id}`;
  return messageOf(`${head}"parameters":${parametersOf(answer)},"outputs":${json}}`, binary);
};

const send = (exchange: Exchange, answer: InferAnswer, message: WrittenMessage): void => {
  const { binary, jsonBytes, totalBytes } = message;
  const hasBytes = binary.length > 0;
  exchange.response.writeHead(200, [
    'content-type',
    hasBytes ? 'application/octet-stream' : 'application/json',
    'content-length',
    String(totalBytes),
    ...(hasBytes ? [lengthHeader, String(jsonBytes)] : []),
    ...answerHeaders(answer, exchange),
  ]);
  // Node joins a text with the headers into one write, and sends bytes apart from them: for small bodies that costs more than the copy.
  if (isAscii(message) && (!hasBytes || totalBytes <= maxJoinedBytes)) exchange.end(exchange.response, messageText(message), 'latin1');
  else if (hasBytes) exchange.end(exchange.response, messageBytes(message), 'latin1');
  else exchange.end(exchange.response, message.json, 'utf8');
};
