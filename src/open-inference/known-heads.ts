import { parseHead } from './framing.ts';
import { type RequestHead, readRequestHead } from './inference-request.ts';

/** Longer heads are dearer to look up, and carry data. */
const mostBytes = 1_024;
const mostHeads = 256;

/** Reads the first `jsonBytes` of a body. @throws ProblemError malformed-request, unsupported */
export type ReadHead = (body: Buffer, jsonBytes: number) => RequestHead;

/** @throws ProblemError malformed-request, unsupported */
export const readHead: ReadHead = (body, jsonBytes) => readRequestHead(parseHead(body.subarray(0, jsonBytes)));

const frozen = <T>(value: T): T => {
  if (typeof value === 'object' && value !== null) for (const inner of Object.values(Object.freeze(value))) frozen(inner);
  return value;
};

interface KnownHead {
  readonly bytes: Buffer;
  readonly head: RequestHead;
}

/**
 * Reads heads that bytes follow. A client sends the same words before its bytes each time, unless it numbers its
 * requests: parsing and checking them takes as long as everything else about a small tensor. The last one is compared
 * before any is looked up, since a text of them costs more than that.
 */
export const createKnownHeads = (): ReadHead => {
  const known = new Map<string, KnownHead>();
  let last: KnownHead | null = null;

  const keep = (text: string, head: RequestHead): void => {
    if (known.size === mostHeads) known.clear();
    last = { bytes: Buffer.from(text, 'latin1'), head: frozen(head) };
    known.set(text, last);
  };

  return (body, jsonBytes) => {
    if (jsonBytes > mostBytes) return readHead(body, jsonBytes);
    if (last !== null && isHeadOf(body, jsonBytes, last.bytes)) return last.head;
    const text = body.toString('latin1', 0, jsonBytes);
    const kept = known.get(text);
    if (kept !== undefined) {
      last = kept;
      return kept.head;
    }
    const head = readHead(body, jsonBytes);
    if (head.id === null) keep(text, head);
    return head;
  };
};

const isHeadOf = (body: Buffer, jsonBytes: number, bytes: Buffer): boolean =>
  bytes.length === jsonBytes && body.compare(bytes, 0, jsonBytes, 0, jsonBytes) === 0;
