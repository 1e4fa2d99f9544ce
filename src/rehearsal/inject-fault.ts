import type { Acceptance } from '../bundle/acceptance.ts';
import type { Row } from '../data-plane/contract/compile-contract.ts';
import type { Tensor, Tensors } from '../data-plane/contract/tensor.ts';

/** A fault that an acceptance file declares. */
export type DeclaredFault = Acceptance['faults'][number];

/** What a fault does to a run of the candidate, between the contract and the guard. */
export interface Tampering {
  readonly rows: (rows: readonly Row[]) => readonly Row[];
  readonly outputs: (outputs: Tensors) => Tensors;
}

const untouched: Tampering = { rows: (rows) => rows, outputs: (outputs) => outputs };

const filled = (tensor: Tensor, value: number): Tensor => {
  const { data } = tensor;
  if (Array.isArray(data)) return tensor;
  if (data instanceof BigInt64Array || data instanceof BigUint64Array)
    return Number.isInteger(value) ? { ...tensor, data: data.slice().fill(BigInt(value)) } : tensor;
  return { ...tensor, data: data.slice().fill(value) };
};

const fillWith = (value: number): Tampering => ({
  ...untouched,
  outputs: (outputs) => Object.fromEntries(Object.entries(outputs).map(([name, tensor]) => [name, filled(tensor, value)])),
});

const swapped = (row: Row, [left, right]: readonly [string, string]): Row => ({ ...row, [left]: row[right], [right]: row[left] });

/** How a fault changes the runs themselves; null for one that only slows or fails them. */
export const tamperingOf = (fault: DeclaredFault): Tampering | null => {
  if ('output' in fault) return fillWith(fault.output === 'nan' ? Number.NaN : fault.output.set);
  if ('swap' in fault) return { ...untouched, rows: (rows) => rows.map((row) => swapped(row, fault.swap)) };
  return null;
};

/** How a fault strikes the requests of the candidate. */
export interface Strike {
  /** Share of the candidate's requests whose run is the tampered one. */
  readonly share: number;
  readonly addMs: number;
  readonly errorRate: number;
}

/** A candidate as it was delivered. */
export const noStrike: Strike = { share: 0, addMs: 0, errorRate: 0 };

/** How often and how hard a fault strikes. */
export const strikeOf = (fault: DeclaredFault): Strike => {
  if ('latency' in fault) return { ...noStrike, addMs: fault.latency.addMs };
  if ('errorRate' in fault) return { ...noStrike, errorRate: fault.errorRate };
  return { ...noStrike, share: 'output' in fault ? fault.share : 1 };
};
