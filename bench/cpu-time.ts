import { readdirSync, readFileSync } from 'node:fs';

/** CPU time, user and system, since a process began; milliseconds. Linux counts in hundredths of a second. */
export interface CpuTime {
  readonly ownMs: number;
  /** Of the processes below it together, living or ended: its launcher and what that has started. */
  readonly descendantsMs: number;
}

/** USER_HZ, which is 100 on every Linux that Node runs on. */
const msPerTick = 10;

interface Stat {
  readonly parent: number;
  readonly cpuMs: number;
  /** Of its children that have ended. */
  readonly endedMs: number;
}

/** What the system says of a process; null when it has just ended. */
const statOf = (pid: number): Stat | null => {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The name, in brackets, may hold spaces: fields are counted from its end, where field 3 follows.
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    const ms = (first: number): number => (Number(fields[first]) + Number(fields[first + 1])) * msPerTick;
    return { parent: Number(fields[1]), cpuMs: ms(11), endedMs: ms(13) };
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
export const cpuTimeOf = (pid: number): CpuTime => {
  const own = statOf(pid);
  const below = descendantsOf(pid).map(statOf);
  return { ownMs: own?.cpuMs ?? 0, descendantsMs: below.reduce((sum, stat) => sum + (stat?.cpuMs ?? 0) + (stat?.endedMs ?? 0), own?.endedMs ?? 0) };
};
