import { readFileSync } from 'node:fs';

const pageBytes = 4_096;

/**
 * The memory that a process holds, MiB; 0 for one that is gone, and where there is no /proc. Read at once: the file is the
 * kernel's own memory, and reading it by the thread pool would cost ten times as much.
 */
export const residentMiB = (pid: number): number => {
  try {
    return (Number(readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ')[1]) * pageBytes) / 2 ** 20;
  } catch {
    return 0;
  }
};
