import { ProblemError, type Violation } from '../problem.ts';

/** `#/inputs/0/shape` as `inputs[0].shape`, for a sentence. */
export const inWords = (pointer: string): string =>
  decodeURIComponent(pointer)
    .replace(/^#\/?/, '')
    .replaceAll(/\/(\d+)/g, '[$1]')
    .replaceAll('/', '.');

/** A message of the protocol that cannot be read. The sentence says it all: clients of the protocol show nothing else. */
export const malformed = (pointer: string, { got, expected, unit }: Pick<Violation, 'got' | 'expected' | 'unit'>): ProblemError =>
  new ProblemError('malformed-request', `${inWords(pointer) || 'the body'}: got ${got}, expected ${expected}.`, {
    errors: [{ pointer, detail: 'cannot be read', got, expected, ...(unit === undefined ? {} : { unit }) }],
  });
