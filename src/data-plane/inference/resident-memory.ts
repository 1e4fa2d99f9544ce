import { readFile } from 'node:fs/promises';

const pageBytes = 4_096;

/** The memory that a process holds, MiB; 0 for one that is gone, and where there is no /proc. */
export const residentMiB = async (pid: number): Promise<number> => {
  const statm = await readFile(`/proc/${pid}/statm`, 'utf8').catch(() => '0 0');
  return (Number(statm.split(' ')[1]) * pageBytes) / 2 ** 20;
};
