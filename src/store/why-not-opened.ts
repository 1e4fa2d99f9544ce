import type { SqliteOpening } from './sqlite-messages.ts';

/** Primary result code of a file that someone else has locked, sqlite.org/rescode.html#busy. */
const busy = 5;
/** Those of a file that may not be written, or not be made: #readonly and #cantopen. */
const refused: readonly number[] = [8, 14];

/** An extended result code has its primary one in the lowest byte. */
const primaryCode = 0xff;

/** What kept the store from being opened. An error of a system call has the name of that call, one of SQLite its result code. */
export const whyNotOpened = (error: unknown): Extract<SqliteOpening, { opened: false }>['why'] => {
  if (!(error instanceof Error)) return 'failed';
  const code = Number(Reflect.get(error, 'errcode')) & primaryCode;
  if (code === busy) return 'in-use';
  return Reflect.has(error, 'syscall') || refused.includes(code) ? 'unusable' : 'failed';
};
