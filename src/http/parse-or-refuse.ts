import type { z } from 'zod';
import { ProblemError, type Violation } from '../problem.ts';

/** Long values are cut: the caller knows what was sent. */
const maxShownCharacters = 120;

const shown = (value: unknown): string => {
  const text = value === undefined ? 'nothing' : JSON.stringify(value);
  return text.length > maxShownCharacters ? `${text.slice(0, maxShownCharacters - 3)}...` : text;
};

/** RFC 6901 §6: a JSON pointer as a URI fragment. */
const pointerTo = (path: readonly PropertyKey[]): string =>
  `#${path.map((part) => `/${encodeURIComponent(String(part).replaceAll('~', '~0').replaceAll('/', '~1'))}`).join('')}`;

const at = (value: unknown, path: readonly PropertyKey[]): unknown =>
  path.reduce<unknown>((inner, key) => (typeof inner === 'object' && inner !== null ? Reflect.get(inner, key) : undefined), value);

const violationsOf = (value: unknown, issue: z.core.$ZodIssue): readonly Violation[] => {
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => ({
      pointer: pointerTo([...issue.path, key]),
      detail: 'is not known',
      got: shown(at(value, [...issue.path, key])),
      expected: 'no such field',
    }));
  }
  const got = at(value, issue.path);
  return [{ pointer: pointerTo(issue.path), detail: got === undefined ? 'is missing' : 'is wrong', got: shown(got), expected: issue.message }];
};

/** Every fault of a part of a body that did not parse; the pointers begin at `path`. */
export const violationsIn = (value: unknown, error: z.ZodError, path: readonly PropertyKey[]): readonly Violation[] =>
  error.issues.flatMap((issue) => violationsOf(value, issue)).map((violation) => ({ ...violation, pointer: pointerTo(path) + violation.pointer.slice(1) }));

/**
 * A parsed body, or every fault of it.
 * @throws ProblemError malformed-request
 */
export const parseOrRefuse = <Schema extends z.ZodType>(schema: Schema, body: unknown): z.output<Schema> => {
  const parsed = schema.safeParse(body);
  if (parsed.success) return parsed.data;
  const errors = parsed.error.issues.flatMap((issue) => violationsOf(body, issue));
  throw new ProblemError('malformed-request', 'The body has fields that cannot be used.', { errors });
};

/**
 * Parsed query parameters; a query has no JSON pointers, so the detail names every fault.
 * @throws ProblemError malformed-request
 */
export const parseQuery = <Schema extends z.ZodType>(schema: Schema, query: unknown): z.output<Schema> => {
  const parsed = schema.safeParse(query);
  if (parsed.success) return parsed.data;
  const faults = parsed.error.issues.map(({ path, message }) => `${path.join('.')}: got ${shown(at(query, path))}, expected ${message}`);
  throw new ProblemError('malformed-request', `The query cannot be used. ${faults.join('; ')}.`);
};
