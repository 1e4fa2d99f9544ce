import { readdirSync, readFileSync } from 'node:fs';

/** CPU time, user and system, since a process began; milliseconds. Linux counts in hundredths of a second. */
export interface CpuTime {
  readonly ownMs: number;
  /** Of the live processes below it together: its launcher and what that has started. */
  readonly descendantsMs: number;
}

/** USER_HZ, which is 100 on every Linux that Node runs on. */
const msPerTick = 10;

/** Parent and CPU time of a process; null when it has just ended. */
const statOf = (pid: number): { readonly parent: number; readonly cpuMs: number } | null => {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The name, in brackets, may hold spaces: fields are counted from its end, where field 3 follows.
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    return { parent: Number(fields[1]), cpuMs: (Number(fields[11]) + Number(fields[12])) * msPerTick };
  } catch {
    return null;
  }
};

/** The live processes below a process. @throws on systems without /proc */
export const descendantsOf = (pid: number): readonly number[] => {
  const parents = new Map(
    readdirSync('/proc')
      .map(Number)
      .filter(Number.isInteger)
      .map((other) => [other, statOf(other)?.parent ?? 0]),
  );
  const isBelow = (other: number): boolean => {
    const parent = parents.get(other) ?? 0;
    return parent === pid || (parent !== 0 && isBelow(parent));
  };
  return [...parents.keys()].filter(isBelow);
};

/** @throws on systems without /proc */
export const cpuTimeOf = (pid: number): CpuTime => ({
  ownMs: statOf(pid)?.cpuMs ?? 0,
  descendantsMs: descendantsOf(pid).reduce((sum, other) => sum + (statOf(other)?.cpuMs ?? 0), 0),
});
