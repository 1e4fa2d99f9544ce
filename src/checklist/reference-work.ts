import { createHash } from 'node:crypto';

const referenceSize = 160;

/** Float32 multiplication of two square matrices and a hash of the result: arithmetic and memory, nothing that a model has. */
const referenceWork = (): string => {
  const n = referenceSize;
  const [left, right, product] = [new Float32Array(n * n), new Float32Array(n * n), new Float32Array(n * n)];
  for (let index = 0; index < n * n; index += 1) {
    left[index] = (index % 97) / 97;
    right[index] = (index % 89) / 89;
  }
  for (let row = 0; row < n; row += 1) {
    for (let inner = 0; inner < n; inner += 1) {
      const factor = left[row * n + inner] ?? 0;
      for (let column = 0; column < n; column += 1) product[row * n + column] = (product[row * n + column] ?? 0) + factor * (right[inner * n + column] ?? 0);
    }
  }
  return createHash('sha256').update(product).digest('hex');
};

/** How long the reference work takes now, milliseconds. */
export const timeReference = (monotonicMs: () => number): number => {
  const startedMs = monotonicMs();
  referenceWork();
  return monotonicMs() - startedMs;
};
