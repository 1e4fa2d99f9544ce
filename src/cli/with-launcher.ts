import type { Launcher } from '../data-plane/processes/launcher.ts';
import { createLauncher } from '../data-plane/processes/launcher.ts';

/** Gives the work a launcher of its own, which ends with it: a command ends by itself only when its processes are gone. */
export const withLauncher = async <Result>(work: (launcher: Launcher) => Promise<Result>): Promise<Result> => {
  const launcher = createLauncher();
  return work(launcher).finally(launcher.close);
};
