import type { InferRequest } from '../data-plane/infer.ts';
import { maxViolations, ProblemError, pointerToken, type Violation } from '../problem.ts';

/** A client's own name for a request; it is only echoed. */
const maxIdLength = 128;

type Body = Readonly<Record<string, unknown>>;

/** What each field of the envelope must be. */
const envelope: Readonly<Record<string, { readonly holds: (value: unknown) => boolean; readonly expected: string }>> = {
  model: { holds: (value) => typeof value === 'string', expected: 'the name of a model' },
  version: { holds: (value) => value === undefined || typeof value === 'string', expected: 'a version, or nothing' },
  id: {
    holds: (value) => value === undefined || (typeof value === 'string' && value.length <= maxIdLength),
    expected: `text of at most ${maxIdLength} characters, or nothing`,
  },
  inputs: { holds: Array.isArray, expected: 'a list of rows' },
};
const rules = Object.entries(envelope);

/** The envelope of `POST /infer`; the rows inside are the data contract's. By hand, since it runs for every request. @throws ProblemError malformed-request */
export const parseInferRequest = (body: unknown): { readonly request: InferRequest; readonly id: string | null } => {
  if (!isObject(body)) throw new ProblemError('malformed-request', 'The body must be an object with model and inputs.');
  if (!isEnvelope(body)) throw new ProblemError('malformed-request', 'The request has fields that cannot be read.', { errors: violationsOf(body) });
  const { model, version = null, id = null, inputs } = body;
  return { request: { model, version, inputs }, id };
};

const isObject = (body: unknown): body is Body => typeof body === 'object' && body !== null && !Array.isArray(body);

const isEnvelope = (body: Body): body is { readonly model: string; readonly version?: string; readonly id?: string; readonly inputs: readonly unknown[] } => {
  for (const [name, { holds }] of rules) if (!holds(body[name])) return false;
  for (const name in body) if (!Object.hasOwn(envelope, name)) return false;
  return true;
};

const violationsOf = (body: Body): readonly Violation[] => {
  const wrong = rules.filter(([name, { holds }]) => !holds(body[name])).map(([name, { expected }]) => violation(name, body[name], expected));
  const unknown = Object.keys(body).filter((name) => !Object.hasOwn(envelope, name));
  return [...wrong, ...unknown.slice(0, maxViolations - wrong.length).map((name) => violation(name, body[name], 'no such field'))];
};

const violation = (name: string, value: unknown, expected: string): Violation => ({
  pointer: `#/${pointerToken(name)}`,
  detail: value === undefined ? 'is missing' : 'is wrong',
  got: value === undefined ? 'nothing' : typeOf(value),
  expected,
});

const typeOf = (value: unknown): string => {
  if (Array.isArray(value)) return 'a list';
  return value === null ? 'null' : typeof value;
};
