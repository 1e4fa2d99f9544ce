import type { InferRequest } from '../data-plane/infer.ts';
import { maxViolations, ProblemError, pointerToken, type Violation } from '../problem.ts';

/** A client's own name for a request; it is only echoed. */
const maxIdLength = 128;

const known: ReadonlySet<string> = new Set(['model', 'version', 'id', 'inputs']);

/** The envelope of `POST /infer`; the rows inside are the data contract's. By hand, since it runs for every request. @throws ProblemError malformed-request */
export const parseInferRequest = (body: unknown): { readonly request: InferRequest; readonly id: string | null } => {
  if (typeof body !== 'object' || body === null || Array.isArray(body))
    throw new ProblemError('malformed-request', 'The body must be an object with model and inputs.');
  const { model, version, id, inputs } = body as Record<string, unknown>;
  const errors: Violation[] = [];
  const wrong = (name: string, value: unknown, expected: string): void => {
    if (errors.length === maxViolations) return;
    errors.push({
      pointer: `#/${pointerToken(name)}`,
      detail: value === undefined ? 'is missing' : 'is wrong',
      got: value === undefined ? 'nothing' : typeOf(value),
      expected,
    });
  };
  if (typeof model !== 'string') wrong('model', model, 'the name of a model');
  if (version !== undefined && typeof version !== 'string') wrong('version', version, 'a version, or nothing');
  if (id !== undefined && (typeof id !== 'string' || id.length > maxIdLength)) wrong('id', id, `text of at most ${maxIdLength} characters, or nothing`);
  if (!Array.isArray(inputs)) wrong('inputs', inputs, 'a list of rows');
  for (const name in body) if (!known.has(name)) wrong(name, Reflect.get(body, name), 'no such field');
  if (errors.length > 0 || typeof model !== 'string' || !Array.isArray(inputs))
    throw new ProblemError('malformed-request', 'The request has fields that cannot be read.', { errors });
  return { request: { model, version: typeof version === 'string' ? version : null, inputs }, id: typeof id === 'string' ? id : null };
};

const typeOf = (value: unknown): string => (Array.isArray(value) ? 'a list' : value === null ? 'null' : typeof value);
