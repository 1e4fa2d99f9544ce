import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { availableParallelism, totalmem } from 'node:os';
import type { LatencyPairs } from './evaluation/compare-latency.ts';
import { quantileOf } from './evaluation/compare-latency.ts';
import type { Report } from './finding.ts';
import type { Subject } from './subject.ts';

const file = 'handoff.yaml';
const repeats = 9;
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

/** How long the reference work takes on this machine, milliseconds: the median of a few, after one to warm up. */
const measureReference = (monotonicMs: () => number): number => {
  referenceWork();
  const times = Array.from({ length: repeats }, () => {
    const startedMs = monotonicMs();
    referenceWork();
    return monotonicMs() - startedMs;
  });
  return quantileOf(times, 0.5);
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
  const slower = machine.referenceMs / hardware.referenceMs;
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
  const due = budgets.throughputRowsPerSecond / slower;
  if (rowsPerSecond < due)
    report('throughput-budget', {
      file,
      field: 'budgets.throughputRowsPerSecond',
      got: `${rounded(rowsPerSecond)} rows/s`,
      expected: `at least ${rounded(due)} rows/s here`,
    });
};
