import { readFile } from 'node:fs/promises';
import { availableParallelism, totalmem } from 'node:os';
import type { LatencyPairs } from './evaluation/compare-latency.ts';
import { quantileOf } from './evaluation/compare-latency.ts';
import type { Report } from './finding.ts';
import { timeReference } from './reference-work.ts';
import type { Subject } from './subject.ts';

const file = 'handoff.yaml';
const repeats = 9;
/** How long the reference work takes on this machine, milliseconds: the median of a few, after one to warm up. */
const measureReference = (monotonicMs: () => number): number => {
  timeReference(monotonicMs);
  return quantileOf(
    Array.from({ length: repeats }, () => timeReference(monotonicMs)),
    0.5,
  );
};

/** What this machine is, as far as a bundle may ask. */
export interface Machine {
  readonly cores: number;
  readonly memoryMiB: number;
  readonly cpuFlags: ReadonlySet<string>;
  readonly referenceMs: number;
}

/** Looks at this machine. CPU features are known on Linux alone. */
export const readMachine = async (monotonicMs: () => number): Promise<Machine> => {
  const cpuinfo = await readFile('/proc/cpuinfo', 'utf8').catch(() => '');
  const flags = /^(?:flags|Features)\s*:\s*(.*)$/m.exec(cpuinfo)?.[1] ?? '';
  return {
    cores: availableParallelism(),
    memoryMiB: Math.floor(totalmem() / 2 ** 20),
    cpuFlags: new Set(flags.split(' ').filter(Boolean)),
    referenceMs: measureReference(monotonicMs),
  };
};

const rounded = (value: number): number => Number(value.toPrecision(3));

const checkHardware = ({ bundle }: Subject, machine: Machine, report: Report): void => {
  const { hardware, budgets } = bundle.manifest;
  if (hardware === undefined) {
    report('hardware-declared', {
      file,
      field: 'hardware',
      got: 'nothing',
      expected: `cores, memoryMiB and referenceMs (${rounded(machine.referenceMs)} here)`,
    });
    return;
  }
  const present = (field: string, got: string, expected: string): void => report('hardware-present', { file, field: `hardware.${field}`, got, expected });
  if (machine.cores < hardware.cores) present('cores', `${machine.cores} here`, `${hardware.cores}`);
  if (machine.memoryMiB < hardware.memoryMiB) present('memoryMiB', `${machine.memoryMiB} MiB here`, `${hardware.memoryMiB} MiB`);
  for (const flag of hardware.cpuFlags) if (!machine.cpuFlags.has(flag)) present('cpuFlags', `no ${flag} here`, flag);
  if (hardware.memoryMiB < budgets.memoryMiB)
    report('memory-budget', {
      file,
      field: 'budgets.memoryMiB',
      got: `${budgets.memoryMiB} MiB`,
      expected: `at most hardware.memoryMiB, ${hardware.memoryMiB} MiB`,
    });
};

/**
 * Whether the promises on speed hold here. They were made on another machine, so both are held in proportion to the
 * reference work: a machine that takes twice as long for it may take twice as long for the model.
 */
export const checkBudgets = (subject: Subject, { machine, latency }: { readonly machine: Machine; readonly latency: LatencyPairs }, report: Report): void => {
  const { budgets, hardware } = subject.bundle.manifest;
  checkHardware(subject, machine, report);
  if (budgets.deadlineMs < 2 * budgets.latencyP95Ms)
    report('deadline-budget', { file, field: 'budgets.deadlineMs', got: `${budgets.deadlineMs} ms`, expected: `at least ${2 * budgets.latencyP95Ms} ms` });
  if (hardware === undefined) return;
  // Beside the model's own runs, and at the same quantile: a busy machine is slow for both.
  const slower = quantileOf(latency.reference, 0.95) / hardware.referenceMs;
  const p95Ms = quantileOf(latency.candidate, 0.95);
  if (p95Ms > budgets.latencyP95Ms * slower)
    report('latency-budget', {
      file,
      field: 'budgets.latencyP95Ms',
      got: `${rounded(p95Ms)} ms`,
      expected: `at most ${rounded(budgets.latencyP95Ms * slower)} ms here (${budgets.latencyP95Ms} ms where the reference work takes ${hardware.referenceMs} ms, ${rounded(machine.referenceMs)} ms here)`,
    });
  if (budgets.throughputRowsPerSecond === undefined) {
    report('throughput-budget', { file, field: 'budgets.throughputRowsPerSecond', got: 'nothing', expected: 'rows a second that one replica must score' });
    return;
  }
  const rowsPerSecond = Math.max(...subject.version.costs.map(({ rows, ms }) => (rows / ms) * 1_000));
  const due = (budgets.throughputRowsPerSecond * hardware.referenceMs) / Math.max(machine.referenceMs, quantileOf(latency.reference, 0.5));
  if (rowsPerSecond < due)
    report('throughput-budget', {
      file,
      field: 'budgets.throughputRowsPerSecond',
      got: `${rounded(rowsPerSecond)} rows/s`,
      expected: `at least ${rounded(due)} rows/s here`,
    });
};
