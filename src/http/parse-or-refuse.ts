import type { z } from 'zod';
import { maxViolations, ProblemError, pointerToken, type Violation } from '../problem.ts';

/** Long values are cut: the caller knows what was sent. */
const maxShownCharacters = 120;

/** A list or an object is told by its size: the whole of it may be deeper than can be written. */
const shown = (value: unknown): string => {
  if (value === undefined) return 'nothing';
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (typeof value === 'object' && value !== null) return `an object of ${Object.keys(value).length} fields`;
  const text = JSON.stringify(value);
  return text.length > maxShownCharacters ? `${text.slice(0, maxShownCharacters - 3)}...` : text;
};

/** RFC 6901 §6: a JSON pointer as a URI fragment. */
const pointerTo = (path: readonly PropertyKey[]): string => `#${path.map((part) => `/${pointerToken(String(part))}`).join('')}`;

const at = (value: unknown, path: readonly PropertyKey[]): unknown =>
  path.reduce<unknown>((inner, key) => (typeof inner === 'object' && inner !== null ? Reflect.get(inner, key) : undefined), value);

/** One by one, since a body has room for more unknown fields than an answer lists. `path` leads to the value. */
const violationsOf = (value: unknown, issue: z.core.$ZodIssue, path: readonly PropertyKey[] = []): IteratorObject<Violation, undefined> => {
  const got = at(value, issue.path);
  const pointer = pointerTo([...path, ...issue.path]);
  if (issue.code !== 'unrecognized_keys')
    return [{ pointer, detail: got === undefined ? 'is missing' : 'is wrong', got: shown(got), expected: issue.message }].values();
  return issue.keys
    .values()
    .map((key) => ({ pointer: `${pointer}/${pointerToken(key)}`, detail: 'is not known', got: shown(at(got, [key])), expected: 'no such field' }));
};

/** Every fault of a part of a body that did not parse; the pointers begin at `path`. */
export const violationsIn = (value: unknown, error: z.ZodError, path: readonly PropertyKey[]): readonly Violation[] =>
  error.issues.flatMap((issue) => [...violationsOf(value, issue, path)]);

/**
 * A parsed body, or every fault of it that an answer lists.
 * @throws ProblemError malformed-request
 */
export const parseOrRefuse = <Schema extends z.ZodType>(schema: Schema, body: unknown): z.output<Schema> => {
  const parsed = schema.safeParse(body);
  if (parsed.success) return parsed.data;
  const errors = parsed.error.issues
    .values()
    .flatMap((issue) => violationsOf(body, issue))
    .take(maxViolations)
    .toArray();
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
