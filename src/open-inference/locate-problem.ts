import { maxViolations, ProblemError, pointerToken, type Violation } from '../problem.ts';
import { inWords } from './malformed.ts';

/** Where the values of some fields came from: an input, whose rows have `width` values. */
export interface Source {
  readonly input: number;
  readonly width: number;
  readonly names: readonly string[];
}

const rowPointer = /^#\/inputs\/(\d+)\/([^/]+)/;

/** The place of a field's value of a row in the tensor that it came from. */
const placeIn = (sources: readonly Source[], row: number, token: string): string | null => {
  for (const { input, width, names } of sources) {
    const column = names.findIndex((name) => pointerToken(name) === token);
    if (column !== -1) return `#/inputs/${input}/data/${row * width + column}`;
  }
  return null;
};

const relocate = (violation: Violation, sources: readonly Source[]): Violation => {
  const [, row, token = ''] = rowPointer.exec(violation.pointer) ?? [];
  const pointer = row === undefined ? null : placeIn(sources, Number(row), token);
  return pointer === null ? violation : { ...violation, pointer, detail: `${decodeURIComponent(token)} ${violation.detail}` };
};

/** A problem that speaks of rows and fields, in the words of the tensors that were sent. Clients of the protocol show one sentence, so it says where the first fault is. */
export const locateProblem = (problem: ProblemError, sources: readonly Source[]): ProblemError => {
  if (problem.type !== 'contract-violation' || problem.errors.length === 0) return problem;
  const errors = problem.errors.slice(0, maxViolations).map((violation) => relocate(violation, sources));
  const [first] = errors;
  const moved = first !== undefined && first !== problem.errors[0];
  const where = moved ? ` First: ${inWords(first.pointer)} ${first.detail}: got ${first.got}, expected ${first.expected}.` : '';
  return new ProblemError(problem.type, `${problem.message}${where}`, { errors, cause: problem.cause });
};
