import { parseJson } from './framing.ts';
import { type RequestHead, readRequestHead } from './inference-request.ts';

/** Longer heads are dearer to look up, and carry data. */
const mostBytes = 1_024;
const mostHeads = 256;

/** Reads the first `jsonBytes` of a body. @throws ProblemError malformed-request, unsupported */
export type ReadHead = (body: Buffer, jsonBytes: number) => RequestHead;

/** @throws ProblemError malformed-request, unsupported */
export const readHead: ReadHead = (body, jsonBytes) => readRequestHead(parseJson(body.subarray(0, jsonBytes)));

const frozen = <T>(value: T): T => {
  if (typeof value === 'object' && value !== null) for (const inner of Object.values(Object.freeze(value))) frozen(inner);
  return value;
};

/**
 * Reads heads that bytes follow. A client sends the same words before its bytes each time, unless it numbers its
 * requests: parsing and checking them takes as long as everything else about a small tensor.
 */
export const createKnownHeads = (): ReadHead => {
  const known = new Map<string, RequestHead>();
  return (body, jsonBytes) => {
    if (jsonBytes > mostBytes) return readHead(body, jsonBytes);
    const text = body.toString('latin1', 0, jsonBytes);
    const kept = known.get(text);
    if (kept !== undefined) return kept;
    const head = readHead(body, jsonBytes);
    if (head.id !== null) return head;
    if (known.size === mostHeads) known.clear();
    known.set(text, frozen(head));
    return head;
  };
};
