/**
 * ln of a sum of exponentials, without overflow: ln(sum exp(logs[i])).
 *
 * @returns -Infinity for no terms
 */
export const logSumExp = (logs: readonly number[]): number => {
  let largest = Number.NEGATIVE_INFINITY;
  for (const log of logs) if (log > largest) largest = log;
  if (largest === Number.NEGATIVE_INFINITY) return largest;
  let sum = 0;
  for (const log of logs) sum += Math.exp(log - largest);
  return largest + Math.log(sum);
};

/** ln of the mean of exponentials: ln((1/K) sum exp(logs[k])). */
export const logMeanExp = (logs: readonly number[]): number => logSumExp(logs) - Math.log(logs.length);

/** exp(log), held at the largest finite number: an e-value that is shown or stored must survive JSON. Decisions compare the logarithm. */
export const finiteExp = (log: number): number => Math.min(Math.exp(log), Number.MAX_VALUE);
