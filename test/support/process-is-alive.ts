import { readdirSync, readFileSync } from 'node:fs';

const statusOf = (pid: number | string): string => {
  try {
    return readFileSync(`/proc/${pid}/status`, 'utf8');
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
  return process.platform !== 'linux' || !isZombie(statusOf(pid));
};

/** The processes that this one has started and that run. Linux only; elsewhere none are seen. */
export const livingChildren = (): readonly number[] => {
  const pids = process.platform === 'linux' ? readdirSync('/proc').filter((name) => /^\d+$/.test(name)) : [];
  const isLivingChild = (status: string): boolean => new RegExp(`^PPid:\\s+${process.pid}$`, 'm').test(status) && !isZombie(status);
  return pids.filter((pid) => isLivingChild(statusOf(pid))).map(Number);
};
