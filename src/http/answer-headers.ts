import type { InferAnswer } from '../data-plane/infer.ts';
import type { RequestSpan } from '../telemetry/request-span.ts';

interface Sent {
  readonly requestId: string;
  readonly span: RequestSpan;
}

/** What every answer says in its headers, as a flat list: it is sent as it is, where an object would be walked, checked and copied first. */
export const answerHeaders = ({ version, arm, epoch }: InferAnswer, { requestId, span }: Sent): readonly string[] => [
  'x-request-id',
  requestId,
  'traceparent',
  span.traceparent,
  'x-handoff-version',
  version,
  'x-handoff-arm',
  arm ?? 'none',
  'x-handoff-epoch',
  String(epoch),
];
