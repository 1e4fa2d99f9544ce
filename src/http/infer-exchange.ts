import type { IncomingMessage, ServerResponse } from 'node:http';
import type { InferAnswer, InferRequest } from '../data-plane/infer.ts';
import type { InferContext } from '../data-plane/infer-context.ts';
import type { RequestSpan } from '../telemetry/request-span.ts';
import type { HoldBytes } from './body-budget.ts';
import type { EndResponse } from './end-together.ts';

/** What the request itself says; headers are heard beside it. */
type OwnWords = Pick<InferContext, 'timeoutMs' | 'routingKey' | 'form'>;

/** One request for predictions, its body read. */
export interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** Ends the response, once its head is written. */
  readonly end: EndResponse;
  readonly body: Buffer;
  /** For what an edge makes of the body and is as large. */
  readonly hold: HoldBytes;
  /** The first value of a header, by lower-case name. */
  readonly header: (name: string) => string | undefined;
  readonly infer: (request: InferRequest, own: OwnWords) => Promise<InferAnswer>;
  readonly requestId: string;
  readonly span: RequestSpan;
}

/** A form of asking for predictions: how its requests are read and its answers written. */
export interface InferEdge {
  /** The path's template. */
  readonly route: string;
  readonly serve: (exchange: Exchange) => Promise<void>;
}
