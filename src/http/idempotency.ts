import { ProblemError } from '../problem.ts';

/** The answer to a write, as it is kept for a repetition. */
export type Stored<Answer> = { readonly fingerprint: string; readonly answer: Promise<Answer>; readonly settled: boolean };

/** One write under a key. */
export interface KeyedWrite {
  /** The header's value; undefined: the write is made without being remembered. */
  readonly key: string | undefined;
  /** Who writes: the keys of different callers are different keys. */
  readonly actor: string;
  /** All that makes the write what it is; the same key with another one is refused. */
  readonly fingerprint: string;
}

/** Runs writes at most once a key. */
export interface Idempotency<Answer> {
  /**
   * Runs the write, or answers as it was answered before.
   * @throws ProblemError malformed-request for a key that is none, idempotency-mismatch for another write under the same
   * key, rollout-conflict while the first one is under way
   */
  readonly once: (write: KeyedWrite, run: () => Promise<Answer>) => Promise<Answer>;
}

/** A structured-field string, quotes included: printable ASCII with `\"` and `\\`. @see https://www.rfc-editor.org/rfc/rfc9651#section-3.3.3 */
const structuredString = /^"((?:[\x20-\x21\x23-\x5b\x5d-\x7e]|\\["\\])+)"$/;

const maxKeyCharacters = 255;

const keyOf = (header: string): string => {
  const key = structuredString.exec(header.trim())?.[1];
  if (key === undefined || key.length > maxKeyCharacters) {
    throw new ProblemError(
      'malformed-request',
      `Idempotency-Key: got ${header.slice(0, maxKeyCharacters)}, expected a text of 1 to ${maxKeyCharacters} characters in double quotes, like "8e03978e-40d5".`,
    );
  }
  return key;
};

const replay = <Answer>(stored: Stored<Answer>, fingerprint: string): Promise<Answer> => {
  if (stored.fingerprint !== fingerprint) throw new ProblemError('idempotency-mismatch', 'This Idempotency-Key was used with another request.');
  if (!stored.settled) throw new ProblemError('rollout-conflict', 'The request with this Idempotency-Key is still under way.');
  return stored.answer;
};

/**
 * Remembers the answers of the last `capacity` keyed writes, in memory. A write that fails has changed nothing, so it is
 * forgotten: the caller may try again with the same key.
 */
export const createIdempotency = <Answer>({ capacity }: { readonly capacity: number }): Idempotency<Answer> => {
  const kept = new Map<string, Stored<Answer>>();

  const makeRoom = (): void => {
    for (const [key, { settled }] of kept) {
      if (kept.size <= capacity) return;
      if (settled) kept.delete(key);
    }
  };

  const first = async (key: string, fingerprint: string, run: () => Promise<Answer>): Promise<Answer> => {
    const answer = run();
    kept.set(key, { fingerprint, answer, settled: false });
    try {
      const settled = await answer;
      kept.set(key, { fingerprint, answer, settled: true });
      makeRoom();
      return settled;
    } catch (error) {
      kept.delete(key);
      throw error;
    }
  };

  return {
    once: async ({ key: header, actor, fingerprint }, run) => {
      if (header === undefined) return run();
      const key = JSON.stringify([actor, keyOf(header)]);
      const stored = kept.get(key);
      return stored === undefined ? first(key, fingerprint, run) : replay(stored, fingerprint);
    },
  };
};
