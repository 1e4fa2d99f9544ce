import type { z } from 'zod';

/** One reason why a bundle or plan does not hold: which file, which field, what is there and what was expected. */
export interface Fault {
  readonly file: string;
  readonly field: string;
  readonly got: string;
  readonly expected: string;
}

/** A value as it is shown in a fault: short, and never an exception. */
export const shown = (value: unknown): string => {
  if (value === undefined) return 'nothing';
  const text = typeof value === 'string' ? value : asJson(value);
  return text.length > 120 ? `${text.slice(0, 117)}...` : text;
};

/** YAML can make a value that holds itself, and numbers that JSON cannot write. */
const asJson = (value: unknown): string => {
  if (typeof value === 'number') return String(value);
  try {
    return JSON.stringify(value);
  } catch {
    return 'a value that holds itself';
  }
};

const at = (value: unknown, path: readonly PropertyKey[]): unknown =>
  path.reduce<unknown>((inner, key) => (typeof inner === 'object' && inner !== null ? Reflect.get(inner, key) : undefined), value);

type Issue = z.core.$ZodIssue;

/** Whether an issue says that this branch of a union was not meant: another type, a missing main key, an unknown key. */
const isForeign = (issue: Issue, value: unknown, depth: number): boolean => {
  if (issue.code === 'invalid_union') return true;
  if (issue.code === 'unrecognized_keys') return issue.path.length === depth;
  return issue.path.length <= depth || (issue.path.length === depth + 1 && at(value, issue.path) === undefined);
};

/** zod's issues, those of a union replaced by the issues of the branch that was most likely meant. */
const flatten = (issues: readonly Issue[], value: unknown): readonly Issue[] =>
  issues.flatMap((issue) => (issue.code === 'invalid_union' ? flattenUnion(issue, value) : [issue]));

const flattenUnion = (union: Extract<Issue, { code: 'invalid_union' }>, value: unknown): readonly Issue[] => {
  const branches = union.errors.map((errors) =>
    flatten(
      errors.map((issue) => ({ ...issue, path: [...union.path, ...issue.path] })),
      value,
    ),
  );
  const ranked = branches
    .map((issues) => ({ issues, foreign: issues.filter((issue) => isForeign(issue, value, union.path.length)).length }))
    .sort((left, right) => left.foreign - right.foreign);
  const [first, second] = ranked;
  if (first !== undefined && first.foreign < (second?.foreign ?? Number.POSITIVE_INFINITY)) return first.issues;
  return [{ ...union, message: [...new Set(branches.flatMap((issues) => alternative(issues, union.path.length)))].join(' or ') || union.message }];
};

/** What a branch of a union would have taken: its main key, or its type. */
const alternative = (issues: readonly Issue[], depth: number): readonly string[] => {
  const issue = issues.find(({ code }) => code !== 'unrecognized_keys');
  if (issue === undefined) return [];
  return [issue.path.length > depth ? String(issue.path[depth]) : expectation(issue.message)];
};

/** zod says `Invalid input: expected number, received undefined`; a fault has a place of its own for what was got. */
const expectation = (message: string): string =>
  message
    .replace(/^[A-Z][a-z ]+: (?=expected |must )/, '')
    .replace(/^expected /, '')
    .replace(/, received \S+$/, '');

/** The faults of a zod error, one a finding, with the value that was found there. */
const faultsOf = (file: string, value: unknown, error: z.ZodError): readonly Fault[] =>
  flatten(error.issues, value).flatMap((issue) => {
    const field = issue.path.map(String).join('.') || '(whole file)';
    if (issue.code === 'unrecognized_keys') {
      return issue.keys.map((key) => ({ file, field: [...issue.path.map(String), key].join('.'), got: 'an unknown key', expected: 'no such key' }));
    }
    return [{ file, field, got: shown(at(value, issue.path)), expected: expectation(issue.message) }];
  });

/** What a document holds, or why it does not hold. */
export type Checked<Value> = { readonly value: Value; readonly faults: readonly [] } | { readonly value: null; readonly faults: readonly Fault[] };

/** Holds a document against a schema. It is looked at a few times in a life: to compile the schema would cost more than it saves. */
export const checkDocument = <Schema extends z.ZodType>(schema: Schema, file: string, document: unknown): Checked<z.output<Schema>> => {
  const parsed = schema.safeParse(document, { jitless: true });
  return parsed.success ? { value: parsed.data, faults: [] } : { value: null, faults: faultsOf(file, document, parsed.error) };
};

/** A fault in words: `file: field: got …, expected …`. */
export const faultText = (fault: Fault): string => `${fault.file}: ${fault.field}: got ${fault.got}, expected ${fault.expected}`;
