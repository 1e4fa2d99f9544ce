import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { gunzipSync } from 'node:zlib';

type AttributeValue = string | number | boolean | Uint8Array | readonly unknown[] | null;

/** A span as it came over the wire; ids in hex, times in nanoseconds since the epoch. */
export interface ReceivedSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string;
  readonly tracestate: string;
  readonly name: string;
  readonly kind: 'unspecified' | 'internal' | 'server' | 'client' | 'producer' | 'consumer';
  readonly startNs: bigint;
  readonly endNs: bigint;
  readonly attributes: Readonly<Record<string, AttributeValue>>;
  readonly links: readonly { readonly traceId: string; readonly spanId: string }[];
  readonly status: 'unset' | 'ok' | 'error';
  readonly resource: Readonly<Record<string, AttributeValue>>;
}

/** A collector that keeps what it is sent. */
export interface OtlpReceiver {
  /** Base address, for `OTEL_EXPORTER_OTLP_ENDPOINT`. */
  readonly endpoint: string;
  readonly spans: () => readonly ReceivedSpan[];
  /** Content type and encoding of every export, in order. */
  readonly exports: () => readonly { readonly contentType: string; readonly encoding: string }[];
  /** The spans as soon as the predicate holds for all that were received so far. */
  readonly waitFor: (predicate: (spans: readonly ReceivedSpan[]) => boolean) => Promise<readonly ReceivedSpan[]>;
  readonly close: () => Promise<void>;
}

/** Listens for OTLP over HTTP in protobuf on a free port. With `refuse`, answers 400, which an exporter must not repeat. */
export const startOtlpReceiver = async ({ refuse = false } = {}): Promise<OtlpReceiver> => {
  const spans: ReceivedSpan[] = [];
  const seen: { contentType: string; encoding: string }[] = [];
  const waiting = new Set<() => void>();
  const receive = async (request: IncomingMessage): Promise<number> => {
    const encoding = request.headers['content-encoding'] ?? 'identity';
    const contentType = request.headers['content-type'] ?? '';
    const raw = await buffer(request);
    seen.push({ contentType, encoding });
    if (refuse || request.url !== '/v1/traces' || contentType !== 'application/x-protobuf') return 400;
    spans.push(...decodeTraces(encoding === 'gzip' ? gunzipSync(raw) : raw));
    for (const check of waiting) check();
    return 200;
  };
  const server = createServer((request, response) => {
    receive(request).then(
      (status) => response.writeHead(status, { 'content-type': 'application/x-protobuf' }).end(),
      () => response.writeHead(400).end(),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    spans: () => spans,
    exports: () => seen,
    waitFor: (predicate) =>
      new Promise((resolve) => {
        const check = (): void => {
          if (!predicate(spans)) return;
          waiting.delete(check);
          resolve(spans);
        };
        waiting.add(check);
        check();
      }),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
};

/*
 * Field numbers of opentelemetry/proto/trace/v1/trace.proto, common.proto and resource.proto, over a reader of the protobuf wire format
 * (https://protobuf.dev/programming-guides/encoding/).
 */

type Message = ReadonlyMap<number, readonly (bigint | Uint8Array)[]>;

const kinds = ['unspecified', 'internal', 'server', 'client', 'producer', 'consumer'] as const;
const statuses = ['unset', 'ok', 'error'] as const;

const decodeTraces = (body: Uint8Array): ReceivedSpan[] =>
  messages(read(body), 1).flatMap((resourceSpans) => {
    const resource = attributesOf(messages(resourceSpans, 1)[0] ?? new Map(), 1);
    return messages(resourceSpans, 2).flatMap((scopeSpans) => messages(scopeSpans, 2).map((span) => decodeSpan(span, resource)));
  });

const decodeSpan = (span: Message, resource: ReceivedSpan['resource']): ReceivedSpan => ({
  traceId: hex(span, 1),
  spanId: hex(span, 2),
  tracestate: text(span, 3),
  parentSpanId: hex(span, 4),
  name: text(span, 5),
  kind: kinds[Number(integer(span, 6))] ?? 'unspecified',
  startNs: integer(span, 7),
  endNs: integer(span, 8),
  attributes: attributesOf(span, 9),
  links: messages(span, 13).map((link) => ({ traceId: hex(link, 1), spanId: hex(link, 2) })),
  status: statuses[Number(integer(messages(span, 15)[0] ?? new Map(), 3))] ?? 'unset',
  resource,
});

const attributesOf = (message: Message, field: number): Record<string, AttributeValue> =>
  Object.fromEntries(messages(message, field).map((pair) => [text(pair, 1), anyValue(messages(pair, 2)[0] ?? new Map())]));

const anyValue = (value: Message): AttributeValue => {
  if (value.has(1)) return text(value, 1);
  if (value.has(2)) return integer(value, 2) === 1n;
  if (value.has(3)) return Number(BigInt.asIntN(64, integer(value, 3)));
  if (value.has(4)) return double(integer(value, 4));
  if (value.has(5)) return messages(messages(value, 5)[0] ?? new Map(), 1).map(anyValue);
  return value.has(7) ? bytes(value, 7) : null;
};

const double = (bits: bigint): number => new Float64Array(BigUint64Array.of(bits).buffer)[0] ?? Number.NaN;

const values = (message: Message, field: number): Uint8Array[] => (message.get(field) ?? []).filter((value) => typeof value !== 'bigint');
const messages = (message: Message, field: number): Message[] => values(message, field).map(read);
const bytes = (message: Message, field: number): Uint8Array => values(message, field).at(-1) ?? new Uint8Array();
const text = (message: Message, field: number): string => Buffer.from(bytes(message, field)).toString('utf8');
const hex = (message: Message, field: number): string => Buffer.from(bytes(message, field)).toString('hex');
const integer = (message: Message, field: number): bigint => {
  const value = message.get(field)?.at(-1);
  return typeof value === 'bigint' ? value : 0n;
};

/** One message's fields by number, repeated ones in order: varint and fixed ones as unsigned integers, the others as bytes. */
const read = (body: Uint8Array): Message => {
  const fields = new Map<number, (bigint | Uint8Array)[]>();
  const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
  let position = 0;
  const advance = (count: number): number => {
    position += count;
    if (position > body.length) throw new RangeError(`truncated message: got ${body.length} bytes, expected at least ${position}`);
    return position - count;
  };
  const varint = (): bigint => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = view.getUint8(advance(1));
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  };
  const readValue = (wireType: number): bigint | Uint8Array => {
    if (wireType === 0) return varint();
    if (wireType === 1) return view.getBigUint64(advance(8), true);
    if (wireType === 5) return BigInt(view.getUint32(advance(4), true));
    if (wireType !== 2) throw new RangeError(`wire type: got ${wireType}, expected 0, 1, 2 or 5`);
    const length = Number(varint());
    const start = advance(length);
    return body.subarray(start, start + length);
  };
  while (position < body.length) {
    const tag = Number(varint());
    const field = tag >>> 3;
    fields.set(field, [...(fields.get(field) ?? []), readValue(tag & 7)]);
  }
  return fields;
};
