import { type DestinationStream, destination as fileDestination, pino, stdTimeFunctions } from 'pino';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent';

/** Fields of a log line. The named ones mean the same in every line; an `Error` under `err` is written with its stack and causes. */
export interface LogFields {
  readonly trace_id?: string;
  readonly request_id?: string;
  readonly prediction_id?: string;
  readonly err?: unknown;
  readonly [name: string]: unknown;
}

type Write = (fields: LogFields, message: string) => void;

/** Where the gateway tells what happens. `error` means that someone must act now. */
export interface Log {
  readonly debug: Write;
  readonly info: Write;
  readonly warn: Write;
  readonly error: Write;
  /** The same log with these fields in every line. */
  readonly child: (fields: LogFields) => Log;
}

const credentialNames = new Set(['authorization', 'proxy-authorization', 'cookie', 'set-cookie', 'x-api-key']);
/** Deep enough for `{ request: { headers } }`; deeper objects are written as they are. */
const redactedDepth = 3;

/** The fields with credentials replaced, whatever the case of their names. Not pino's own redaction, which made a line four times as dear. */
const hideCredentials = (fields: object, depth = redactedDepth): Record<string, unknown> =>
  Object.fromEntries(
    Object.entries(fields).map(([name, value]) => {
      if (credentialNames.has(name.toLowerCase())) return [name, '[redacted]'];
      return [name, depth > 1 && isPlain(value) ? hideCredentials(value, depth - 1) : value];
    }),
  );

const isPlain = (value: unknown): value is object => {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
};

/**
 * A log of one JSON object a line: `level` as a word, `time` in ISO 8601 UTC, `msg`, and the fields. Credentials in headers are replaced by `[redacted]`.
 * Without a destination it writes to standard output without blocking; what is buffered is flushed when the process ends by itself or by an uncaught error.
 */
export const createLog = ({ level, destination }: { readonly level: LogLevel; readonly destination?: DestinationStream }): Log => {
  const options = {
    level,
    base: null,
    timestamp: stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }), log: (fields: object) => hideCredentials(fields) },
  };
  return wrap(pino(options, destination ?? fileDestination({ fd: 1, sync: false })));
};

const wrap = (logger: pino.Logger): Log => ({
  debug: logger.debug.bind(logger),
  info: logger.info.bind(logger),
  warn: logger.warn.bind(logger),
  error: logger.error.bind(logger),
  child: (fields) => wrap(logger.child(hideCredentials(fields))),
});
