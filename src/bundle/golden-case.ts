import { z } from 'zod';

/** A stored request with the answer that every runtime must give within the tolerance. */
export const goldenCaseSchema = z.strictObject({
  request: z.strictObject({ inputs: z.array(z.record(z.string(), z.unknown())).min(1) }),
  expected: z.strictObject({ outputs: z.array(z.record(z.string(), z.unknown())).min(1) }),
  tolerance: z.strictObject({ absolute: z.number().min(0) }),
  source: z.string().min(1),
});

export type GoldenCase = z.infer<typeof goldenCaseSchema>;

/** A difference between an answer and its golden case: where, what came, what was stored. */
export interface Difference {
  readonly pointer: string;
  readonly got: string;
  readonly expected: string;
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> => typeof value === 'object' && value !== null && !Array.isArray(value);

/** As JSON, but for NaN and Infinity, which it would call null. */
const shown = (value: unknown): string => (typeof value === 'number' ? String(value) : (JSON.stringify(value) ?? 'nothing'));

/** Numbers may differ by the absolute tolerance; NaN never agrees; everything else must be equal, keys included. */
const compare = (pointer: string, got: unknown, expected: unknown, tolerance: number): readonly Difference[] => {
  const differs: readonly Difference[] = [{ pointer, got: shown(got), expected: shown(expected) }];
  if (typeof got === 'number' && typeof expected === 'number') return Math.abs(got - expected) <= tolerance ? [] : differs;
  if (Array.isArray(got) && Array.isArray(expected)) {
    if (got.length !== expected.length) return differs;
    return expected.flatMap((value, index) => compare(`${pointer}/${index}`, got[index], value, tolerance));
  }
  if (isObject(got) && isObject(expected)) {
    return [...new Set([...Object.keys(expected), ...Object.keys(got)])].flatMap((key) => compare(`${pointer}/${key}`, got[key], expected[key], tolerance));
  }
  return Object.is(got, expected) ? [] : differs;
};

/** All differences between output rows and the golden case's expected rows; empty when the case holds. */
export const differencesFrom = (golden: GoldenCase, outputs: readonly unknown[]): readonly Difference[] =>
  compare('#/outputs', outputs, golden.expected.outputs, golden.tolerance.absolute);
