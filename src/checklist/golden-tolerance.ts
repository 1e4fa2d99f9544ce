import { allowanceOf, type GoldenCase } from '../bundle/golden-case.ts';
import type { RuleGroup } from './subject.ts';

/** A number of an answer, by the output that it belongs to: `fraud_probability`, `top.confidence`. */
interface Figure {
  readonly output: string;
  readonly value: number;
}

const figuresOf = (value: unknown, output = ''): readonly Figure[] => {
  if (typeof value === 'number') return [{ output, value }];
  if (Array.isArray(value)) return value.flatMap((item) => figuresOf(item, output));
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([name, inner]) => figuresOf(inner, output === '' ? name : `${output}.${name}`));
};

/** The largest size of each output over some golden cases. */
const sizesOf = (cases: readonly GoldenCase[]): ReadonlyMap<string, number> => {
  const sizes = new Map<string, number>();
  for (const { output, value } of cases.flatMap(({ expected }) => figuresOf(expected.outputs)))
    sizes.set(output, Math.max(sizes.get(output) ?? 0, Math.abs(value)));
  return sizes;
};

/** What may differ by more than half of the largest number that an output has in any case is told from hardly anything. */
const mostShare = 0.5;
/** Outputs that are 0 in all cases say nothing of their size. */
const sizeOfZeros = 1;

const rounded = (value: number): string => String(Number(value.toPrecision(3)));

/** Golden cases whose tolerance leaves an output as good as free. */
export const checkGoldenTolerance: RuleGroup = ({ bundle }, report) => {
  const sizes = sizesOf(bundle.golden.map(({ golden }) => golden));
  for (const { file, golden } of bundle.golden)
    for (const output of new Set(figuresOf(golden.expected.outputs).map((figure) => figure.output))) {
      const size = sizes.get(output) || sizeOfZeros;
      const allowed = allowanceOf(golden.tolerance, size);
      const finding = {
        file: `golden/${file}`,
        field: 'tolerance',
        got: `${rounded(allowed)} where ${output} is ${rounded(size)}`,
        expected: `at most ${rounded(mostShare * size)}`,
      };
      report('golden-tolerance', finding, allowed > mostShare * size);
    }
};
