/**
 * A process that stands for a gateway: starts a worker with the model of the path given, says `started <pid of the worker>`,
 * sends it one run whose feeds come as JSON, says `running`, and then waits to be killed.
 */
import { readFile } from 'node:fs/promises';
import { startWorker } from '../../src/data-plane/inference/worker-process.ts';
import { createLauncher } from '../../src/data-plane/processes/launcher.ts';

const [path = '', features = '[]'] = process.argv.slice(2);
const values: readonly number[] = JSON.parse(features);
const worker = await startWorker({
  launcher: createLauncher(),
  model: await readFile(path),
  image: null,
  maxRunMs: () => 600_000,
  maxLoadMs: 600_000,
  maxMemoryMiB: 65_536,
  monotonicMs: () => performance.now(),
});
process.stdout.write(`started ${worker.pid}\n`);
worker.run({ features: { datatype: 'FP32', shape: [1, values.length], data: Float32Array.from(values) } }).catch(() => undefined);
// A process that loops uses processor time; one that waits does not.
const { readFileSync } = await import('node:fs');
const ticks = (): number => Number(readFileSync(`/proc/${worker.pid}/stat`, 'utf8').split(') ')[1]?.split(' ')[11]);
const before = ticks();
setInterval(() => {
  if (ticks() > before + 20) process.stdout.write('running\n');
}, 20);
