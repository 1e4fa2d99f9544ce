/** A span's place in its trace: ids as lower-case hex of 16 and 8 bytes. */
export interface SpanContext {
  readonly traceId: string;
  readonly spanId: string;
}

/** A caller's span, as its request headers tell. */
export interface RemoteContext extends SpanContext {
  readonly sampled: boolean;
  readonly tracestate: string | undefined;
}

const zeroTraceId = '0'.repeat(32);
const zeroSpanId = '0'.repeat(16);
const traceparentFormat = /^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}/;
const traceparentLength = 55;
/** The standard asks for at least 512 characters to be passed on; longer ones, and what no header may hold, are not. */
const tracestateFormat = /^[\x20-\x7e\t]{1,512}$/;

/**
 * The caller's context, or null when `traceparent` is absent or not exactly as the standard has it: then a new trace begins, and
 * `tracestate` is not passed on.
 * @see https://www.w3.org/TR/trace-context/#traceparent-header
 */
export const parseTraceContext = (traceparent: string | undefined, tracestate: string | undefined): RemoteContext | null => {
  if (traceparent === undefined || !isWellFormed(traceparent)) return null;
  const traceId = traceparent.slice(3, 35);
  const spanId = traceparent.slice(36, 52);
  if (traceId === zeroTraceId || spanId === zeroSpanId) return null;
  const sampled = oddHexDigits.includes(traceparent.charAt(54));
  return { traceId, spanId, sampled, tracestate: tracestate !== undefined && tracestateFormat.test(tracestate) ? tracestate : undefined };
};

/** Version 00 ends after the flags; a later version may go on after another dash; there is no version ff. */
const isWellFormed = (traceparent: string): boolean => {
  if (!traceparentFormat.test(traceparent) || traceparent.startsWith('ff')) return false;
  return traceparent.length === traceparentLength || (traceparent.charAt(traceparentLength) === '-' && !traceparent.startsWith('00'));
};

/** The lowest bit of the flags says whether the caller records. */
const oddHexDigits = '13579bdf';

/** The `traceparent` header that makes this span the parent of what the receiver does. */
export const formatTraceparent = ({ traceId, spanId }: SpanContext, sampled: boolean): string => `00-${traceId}-${spanId}-${sampled ? '01' : '00'}`;

/** Source of new ids. All-zero ids, which the standard forbids, do not come up: one in 2^64. */
export interface TraceIds {
  readonly traceId: () => string;
  readonly spanId: () => string;
}

/** Bytes drawn at a time: a draw costs about a microsecond, so it is shared by some hundred ids; the text of a pool in use stays in memory. */
const poolBytes = 4096;

/** Cuts ids out of a refilled pool of random bytes in hex. `randomBytes` must be unpredictable, since ids are seen outside. */
export const createTraceIds = (randomBytes: (count: number) => Uint8Array): TraceIds => {
  let pool = '';
  let position = 0;
  const take = (characters: number): string => {
    if (position + characters > pool.length) {
      pool = Buffer.from(randomBytes(poolBytes)).toString('hex');
      position = 0;
    }
    position += characters;
    return pool.slice(position - characters, position);
  };
  return { traceId: () => take(32), spanId: () => take(16) };
};
