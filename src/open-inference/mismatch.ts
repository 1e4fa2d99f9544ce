import { ProblemError } from '../problem.ts';
import { inWords } from './malformed.ts';

/** A shape as messages show it. */
export const shapeText = (shape: readonly number[]): string => `[${shape.join(', ')}]`;

/** A tensor that can be read, and is not what the model takes. */
export const mismatch = (pointer: string, got: string, expected: string): ProblemError =>
  new ProblemError('contract-violation', `${inWords(pointer)}: got ${got}, expected ${expected}.`, {
    errors: [{ pointer, detail: 'breaks the contract', got, expected }],
  });
