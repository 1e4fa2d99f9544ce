import { writeFileSync } from 'node:fs';
import { setPriority } from 'node:os';
import { Worker } from 'node:worker_threads';

/**
 * A run blocks this process's loop, so a thread of its own watches for the gateway's end. The gateway says which process
 * it is: asking here could already give the process that inherits orphans.
 */
const watchParent = `
const { workerData } = require('node:worker_threads');
setInterval(() => { if (process.ppid !== workerData) process.kill(process.pid, 'SIGKILL'); }, 250);
`;

/** Should memory run out, the kernel takes this process and not the gateway. Linux only; elsewhere there is no such file. */
const volunteerForOutOfMemory = (): void => {
  try {
    writeFileSync('/proc/self/oom_score_adj', '1000');
  } catch {
    // Not Linux, or not allowed: the gateway's own memory watch remains.
  }
};

/** On full cores the gateway's loop comes first: it answers for the baseline, and rescues. Windows and Unix alike; not allowed in some sandboxes. */
const yieldToGateway = (niceness: number): void => {
  try {
    setPriority(niceness);
  } catch {
    // Then they share the cores as equals.
  }
};

/**
 * Makes this process one that serves a gateway and dies with it, even while a run never ends. To be called once, at the start.
 *
 * @param niceness 0 to 19: how far behind the gateway it stands in line for the cores
 */
export const beChildOfGateway = ({ gatewayPid, niceness }: { readonly gatewayPid: number; readonly niceness: number }): void => {
  volunteerForOutOfMemory();
  yieldToGateway(niceness);
  new Worker(watchParent, { eval: true, workerData: gatewayPid, env: {}, resourceLimits: { maxOldGenerationSizeMb: 8 } }).unref();
  // Only the gateway decides when a child ends: a Ctrl-C in the terminal reaches the whole process group.
  process.on('SIGINT', () => undefined);
  process.on('SIGTERM', () => undefined);
  process.on('disconnect', () => process.exit(0));
};
