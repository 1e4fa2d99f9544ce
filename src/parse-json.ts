/** JSON of a caller, parsed on the loop that all requests share. */
import { isUtf8 } from 'node:buffer';
import { ProblemError } from './problem.ts';

/**
 * Most lists and objects of one body: ten thousand rows of a hundred quantities with their units. Each is parsed into some hundred bytes in half
 * a microsecond, so five million empty ones, which compress to a few kilobytes, would hold every other request up for seconds.
 */
export const mostLists = 1_000_000;

const openings = [0x5b, 0x7b];

/** Whether some bytes have more than so many opening brackets or braces. Fast where they are few, and over when they are too many. */
const hasMoreThan = (bytes: Buffer, most: number): boolean => {
  let found = 0;
  for (const opening of openings) {
    for (let at = bytes.indexOf(opening); at !== -1; at = bytes.indexOf(opening, at + 1)) {
      found += 1;
      if (found > most) return true;
    }
  }
  return false;
};

/**
 * @param words what is said of bytes that are no JSON
 * @throws ProblemError malformed-request
 */
export const parseJson = (bytes: Buffer, words: string): unknown => {
  if (!isUtf8(bytes)) throw new ProblemError('malformed-request', 'The body is not UTF-8.');
  // Each takes two bytes at least.
  if (bytes.length > 2 * mostLists && hasMoreThan(bytes, mostLists))
    throw new ProblemError('malformed-request', `The body has more than ${mostLists.toLocaleString('en-GB')} lists and objects.`);
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch (cause) {
    throw new ProblemError('malformed-request', words, { cause });
  }
};
