import type { ChildProcess } from 'node:child_process';

const startupMs = 60_000;

/** Waits until a foreign server of the protocol is ready. @throws Error when its process ends, or it takes more than a minute */
export const untilReady = async (url: string, child: ChildProcess): Promise<void> => {
  const limit = Date.now() + startupMs;
  for (;;) {
    const ready = await fetch(`${url}/v2/health/ready`).then(
      ({ ok }) => ok,
      () => false,
    );
    if (ready) return;
    if (child.exitCode !== null) throw new Error(`${child.spawnfile} ended with ${child.exitCode}`);
    if (Date.now() > limit) throw new Error(`${child.spawnfile} is not ready`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
};
