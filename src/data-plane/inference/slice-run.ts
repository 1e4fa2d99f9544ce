import type { Tensors } from '../contract/tensor.ts';
import { rowsOf } from '../contract/tensor.ts';
import type { RunResult } from './executor.ts';

/** The rows `[start, end)` of a run of so many `rows`. */
export interface RowRange {
  readonly start: number;
  readonly end: number;
  /** Rows of the whole run. */
  readonly rows: number;
}

/** What one request gets of a run that it shared: views of the same memory. */
export const sliceRun = ({ outputs, luma }: Omit<RunResult, 'computeMs'>, { start, end, rows }: RowRange): Pick<RunResult, 'outputs' | 'luma'> => {
  const own: Record<string, Tensors[string]> = {};
  for (const name in outputs) {
    const tensor = outputs[name];
    // Output rows that are not the run's rows belong to no request: without values the guard rejects them, shape and all.
    if (tensor !== undefined) own[name] = tensor.shape[0] === rows ? rowsOf(tensor, start, end) : { ...tensor, data: [] };
  }
  return { outputs: own, luma: luma?.subarray(start, end) ?? null };
};
