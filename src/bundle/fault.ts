import type { z } from 'zod';

/** One reason why a bundle or plan does not hold: which file, which field, what is there and what was expected. */
export interface Fault {
  readonly file: string;
  readonly field: string;
  readonly got: string;
  readonly expected: string;
}

const shown = (value: unknown): string => {
  if (value === undefined) return 'nothing';
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return text.length > 120 ? `${text.slice(0, 117)}...` : text;
};

const at = (value: unknown, path: readonly PropertyKey[]): unknown =>
  path.reduce<unknown>((inner, key) => (typeof inner === 'object' && inner !== null ? Reflect.get(inner, key) : undefined), value);

/** The faults of a zod error, one a finding, with the value that was found there. */
export const faultsOf = (file: string, value: unknown, error: z.ZodError): readonly Fault[] =>
  error.issues.flatMap((issue) => {
    const field = issue.path.map(String).join('.') || '(whole file)';
    if (issue.code === 'unrecognized_keys') {
      return issue.keys.map((key) => ({ file, field: [...issue.path.map(String), key].join('.'), got: 'an unknown key', expected: 'no such key' }));
    }
    return [{ file, field, got: shown(at(value, issue.path)), expected: issue.message }];
  });

/** A fault in words: `file: field: got …, expected …`. */
export const faultText = (fault: Fault): string => `${fault.file}: ${fault.field}: got ${fault.got}, expected ${fault.expected}`;
