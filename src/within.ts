/** The work was not over in the time that it had. It goes on. */
export class LateError extends Error {
  override readonly name = 'LateError';
}

/**
 * The result of a work, if it is there in time. The work itself goes on, and a later failure of it is nobody's.
 * @throws LateError with these words after the limit, or what the work throws
 */
export const within = async <Result>(work: Promise<Result>, limitMs: number, words: string): Promise<Result> => {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new LateError(words)), limitMs);
  return Promise.race([work, late]).finally(() => clearTimeout(timer));
};
