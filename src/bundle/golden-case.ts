import { z } from 'zod';

/** How far a number may be off: `absolute` in the output's own unit, and in addition a share of the expected value. */
const toleranceSchema = z.strictObject({ absolute: z.number().min(0), relative: z.number().min(0).optional() });

/** A stored request with the answer that every runtime must give within the tolerance. */
export const goldenCaseSchema = z.strictObject({
  request: z.strictObject({ inputs: z.array(z.record(z.string(), z.unknown())).min(1) }),
  expected: z.strictObject({ outputs: z.array(z.record(z.string(), z.unknown())).min(1) }),
  tolerance: toleranceSchema,
  source: z.string().min(1),
});

export type GoldenCase = z.infer<typeof goldenCaseSchema>;
type Tolerance = GoldenCase['tolerance'];

/**
 * By how much an answer may differ from an expected value: absolute + relative · |expected|.
 *
 * @see https://numpy.org/doc/stable/reference/generated/numpy.allclose.html
 */
export const allowanceOf = ({ absolute, relative = 0 }: Tolerance, expected: number): number => absolute + relative * Math.abs(expected);

/** A difference between an answer and its golden case: where, what came, what was stored. */
export interface Difference {
  readonly pointer: string;
  readonly got: string;
  readonly expected: string;
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> => typeof value === 'object' && value !== null && !Array.isArray(value);

/** As JSON, but for NaN and Infinity, which it would call null. */
const shown = (value: unknown): string => (typeof value === 'number' ? String(value) : (JSON.stringify(value) ?? 'nothing'));

/** Numbers may differ by the tolerance; NaN never agrees; everything else must be equal, keys included. */
const compare = (got: unknown, expected: unknown, at: { readonly pointer: string; readonly tolerance: Tolerance }): readonly Difference[] => {
  if (Array.isArray(got) && Array.isArray(expected) && got.length === expected.length) return compareKeys(expected.keys(), { got, expected }, at);
  if (isObject(got) && isObject(expected)) return compareKeys(new Set([...Object.keys(expected), ...Object.keys(got)]), { got, expected }, at);
  const agree =
    typeof got === 'number' && typeof expected === 'number' ? Math.abs(got - expected) <= allowanceOf(at.tolerance, expected) : Object.is(got, expected);
  return agree ? [] : [{ pointer: at.pointer, got: shown(got), expected: shown(expected) }];
};

const compareKeys = (
  keys: Iterable<PropertyKey>,
  { got, expected }: { readonly got: object; readonly expected: object },
  { pointer, tolerance }: { readonly pointer: string; readonly tolerance: Tolerance },
): readonly Difference[] =>
  [...keys].flatMap((key) => compare(Reflect.get(got, key), Reflect.get(expected, key), { pointer: `${pointer}/${String(key)}`, tolerance }));

/** All differences between output rows and the golden case's expected rows; empty when the case holds. */
export const differencesFrom = (golden: GoldenCase, outputs: readonly unknown[]): readonly Difference[] =>
  compare(outputs, golden.expected.outputs, { pointer: '#/outputs', tolerance: golden.tolerance });
