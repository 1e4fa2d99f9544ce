import type { Tensor, Tensors } from '../contract/tensor.ts';

/** A reader of JSON rounds a larger whole number without a word, and a row has it rounded already. */
const largestExact = BigInt(Number.MAX_SAFE_INTEGER);

const firstInexact = ({ data }: Tensor): bigint | null => {
  if (!(data instanceof BigInt64Array || data instanceof BigUint64Array)) return null;
  for (const value of data) if (value > largestExact || value < -largestExact) return value;
  return null;
};

/** Why rows cannot say these outputs of the graph: a whole number beyond those that JSON holds; null when they can. */
export const inexactNumber = (outputs: Tensors): string | null => {
  for (const name in outputs) {
    const tensor = outputs[name];
    const value = tensor === undefined ? null : firstInexact(tensor);
    if (value !== null) return `Output ${name} has ${value}, which a JSON number does not hold: ask for it on /v2.`;
  }
  return null;
};
