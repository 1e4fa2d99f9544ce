import { readdirSync, readFileSync } from 'node:fs';

const textOf = (pid: string, file: 'cmdline' | 'status'): string => {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8');
  } catch {
    return '';
  }
};

const isZombie = (status: string): boolean => /^State:\s+Z/m.test(status);

/** Whether a process runs; one that has ended and waits for its parent to notice does not. */
export const processIsAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  return process.platform !== 'linux' || !isZombie(textOf(String(pid), 'status'));
};

const parentOf = (pid: string): string => /^PPid:\s+(\d+)$/m.exec(textOf(pid, 'status'))?.[1] ?? '0';

const isBelow = (pid: string, ancestor: number): boolean => {
  const parent = parentOf(pid);
  return parent === String(ancestor) || (parent !== '0' && isBelow(parent, ancestor));
};

/** The processes below one that run this first file. Linux only; elsewhere none are seen. */
export const livingBelow = (ancestor: number, entry: string): readonly number[] => {
  const pids = process.platform === 'linux' ? readdirSync('/proc').filter((name) => /^\d+$/.test(name)) : [];
  return pids.filter((pid) => textOf(pid, 'cmdline').includes(entry) && isBelow(pid, ancestor) && !isZombie(textOf(pid, 'status'))).map(Number);
};

/** The worker processes that run below this process; its launcher is none. */
export const livingWorkers = (): readonly number[] => livingBelow(process.pid, '/worker-main.ts');
