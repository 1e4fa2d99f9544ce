import type { Bundle } from '../read-bundle.ts';
import type { Difference, Side } from './difference.ts';
import { relationOfSets } from './difference.ts';

/** What of a bundle its clients can tell. */
export type Comparable = Pick<Bundle, 'contract' | 'manifest' | 'labels'>;

/** Differences of what stands in the manifest, not in the contract, under the name that tables show. */
export interface InterfaceDifference {
  readonly side: Side;
  readonly field: string;
  readonly rule: string;
  readonly difference: Difference;
}

const decodesOf = ({ manifest }: Comparable) =>
  new Map(manifest.interface.inputs.flatMap(({ steps }) => steps.flatMap((step) => ('decode' in step ? [[step.decode.field, step.decode] as const] : []))));

/** Formats and sizes of images are found out while decoding, after the assignment: a plan cannot leave such requests to the baseline. */
const imageDifferences = (before: Comparable, after: Comparable): readonly InterfaceDifference[] => {
  const earlier = decodesOf(before);
  return [...decodesOf(after)].flatMap(([field, is]) => {
    const was = earlier.get(field);
    if (was === undefined) return [];
    const lost = was.formats.filter((format) => !is.formats.includes(format));
    const got = is.formats.filter((format) => !was.formats.includes(format));
    const relation = relationOfSets({ taken: lost.length > 0 || is.maxPixels < was.maxPixels, added: got.length > 0 || is.maxPixels > was.maxPixels });
    const reason = `is decoded from ${is.formats.join(', ')} up to ${is.maxPixels} pixels, was ${was.formats.join(', ')} up to ${was.maxPixels}`;
    return relation === null ? [] : [{ side: 'input', field, rule: 'image', difference: { relation: relation === 'wider' ? 'wider' : 'meaning', reason } }];
  });
};

const topKOf = ({ manifest, labels }: Comparable) =>
  new Map(
    manifest.interface.outputs.flatMap(({ steps }) =>
      steps.flatMap((step) => ('topK' in step ? [[step.topK.output, { k: step.topK.k, labels: labels.get(step.topK.labels) ?? [] }] as const] : [])),
    ),
  );

const topKDifferences = (before: Comparable, after: Comparable): readonly InterfaceDifference[] => {
  const earlier = topKOf(before);
  return [...topKOf(after)].flatMap(([field, is]) => {
    const was = earlier.get(field);
    if (was === undefined) return [];
    const had = new Set(was.labels);
    const unknown = is.labels.filter((label) => !had.has(label));
    const length: readonly Difference[] = was.k === is.k ? [] : [{ relation: 'different', reason: `lists ${is.k} classes, was ${was.k}` }];
    const some = `${unknown.slice(0, 3).join(', ')}${unknown.length > 3 ? ' …' : ''}`;
    const named: readonly Difference[] = unknown.length === 0 ? [] : [{ relation: 'wider', reason: `may name ${unknown.length} other classes (${some})` }];
    return [...length, ...named].map((difference) => ({ side: 'output', field, rule: 'classes', difference }));
  });
};

const rowDifferences = (before: Comparable, after: Comparable): readonly InterfaceDifference[] => {
  const [was, is] = [before.manifest.budgets.maxRows, after.manifest.budgets.maxRows];
  const reason = `takes ${is} rows a request, was ${was}`;
  return was === is ? [] : [{ side: 'input', field: '(rows)', rule: 'rows', difference: { relation: is < was ? 'narrower' : 'wider', reason } }];
};

/** What clients can tell of two versions beside their contracts. */
export const compareInterface = (before: Comparable, after: Comparable): readonly InterfaceDifference[] => [
  ...rowDifferences(before, after),
  ...imageDifferences(before, after),
  ...topKDifferences(before, after),
];
