import { type DraftTensor, fieldsOf } from '../bundle/draft-contract.ts';
import type { Row } from '../data-plane/contract/compile-contract.ts';

/** A made-up value of a datatype: small, so that every datatype holds it, and not the same everywhere. */
const valueAt = (datatype: string, place: number, spread: number): unknown => {
  const step = (place * 7 + spread * 3) % 10;
  if (datatype === 'BYTES') return spread === 0 ? 'a' : 'abcdefghij'.slice(0, step + 1);
  if (spread === 0) return datatype === 'BOOL' ? false : 0;
  if (datatype === 'BOOL') return step % 2 === 1;
  return datatype.startsWith('FP') ? step / 8 : step;
};

const rowOf = (inputs: readonly DraftTensor[], spread: number): Row =>
  Object.fromEntries(
    inputs.flatMap((tensor) =>
      fieldsOf(tensor).map(({ name, width }, column) => {
        const at = (place: number): unknown => valueAt(tensor.datatype, place, spread);
        return [name, width === 1 ? at(column) : Array.from({ length: width }, (_, place) => at(place))] as const;
      }),
    ),
  );

/** Requests for a model of which only the tensors are known: all zeros, one row of small values, and three rows at once. */
export const sampleRows = (inputs: readonly DraftTensor[]): readonly (readonly Row[])[] => [
  [rowOf(inputs, 0)],
  [rowOf(inputs, 1)],
  [rowOf(inputs, 1), rowOf(inputs, 2), rowOf(inputs, 3)],
];
