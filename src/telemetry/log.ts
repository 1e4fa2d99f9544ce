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

/** What waits for whoever reads standard output: at 300 bytes a line some 50,000 lines. A reader that is stuck then costs no more memory. */
const maxWaitingBytes = 2 ** 24;

/** Tries, 100 ms apart, with a pipe that is full when the process ends: 2 s, short beside the 25 s of a drain. */
const lastTries = 20;

/** Standard output, written to in the background. `onDropped` hears how many lines found no place, once everything before them is written. */
const standardOutput = (onDropped: (lines: number) => void): DestinationStream => {
  let triesLeft = Number.POSITIVE_INFINITY;
  let dropped = 0;
  const retryEAGAIN = (): boolean => {
    triesLeft -= 1;
    return triesLeft > 0;
  };
  // The number is asked of process.stdout, which makes a full pipe refuse; it would hold up the writer else, at the end of the process for ever.
  const stream = fileDestination({ fd: process.stdout.fd, sync: false, maxLength: maxWaitingBytes, retryEAGAIN });
  stream.on('drop', () => {
    dropped += 1;
  });
  stream.on('drain', () => {
    const lines = dropped;
    dropped = 0;
    if (lines > 0) onDropped(lines);
  });
  // Called when the process ends, and for nothing else.
  const flushSync = stream.flushSync.bind(stream);
  stream.flushSync = () => {
    triesLeft = lastTries;
    try {
      flushSync();
    } catch {
      // Nobody reads: what is left is lost, and the end keeps its exit code.
    }
  };
  return stream;
};

/**
 * A log of one JSON object a line: `level` as a word, `time` in ISO 8601 UTC, `msg`, and the fields. Credentials in headers are replaced by `[redacted]`.
 * Without a destination it writes to standard output without blocking, and drops what a reader that is stuck leaves no place for; what is buffered is
 * flushed when the process ends by itself or by an uncaught error, as far as it is read.
 */
export const createLog = ({ level, destination }: { readonly level: LogLevel; readonly destination?: DestinationStream }): Log => {
  const options = {
    level,
    base: null,
    timestamp: stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }), log: (fields: object) => hideCredentials(fields) },
  };
  const log: Log = wrap(pino(options, destination ?? standardOutput((lines) => log.warn({ lines }, 'log lines were dropped: standard output took no more'))));
  return log;
};

const wrap = (logger: pino.Logger): Log => ({
  debug: logger.debug.bind(logger),
  info: logger.info.bind(logger),
  warn: logger.warn.bind(logger),
  error: logger.error.bind(logger),
  child: (fields) => wrap(logger.child(hideCredentials(fields))),
});
