/** MLServer in a process of its own. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../support/free-port.ts';
import { pythonEnvironment } from './python-environment.ts';
import { untilReady } from './until-ready.ts';

const repository = new URL('../..', import.meta.url).pathname;

/** A graph of this repository under a name. */
export interface ServedGraph {
  readonly name: string;
  readonly graph: string;
  /** Values in a row of the input `features`. */
  readonly width: number;
}

export interface MlServer {
  readonly url: string;
  /** Switches a fault of a model on: `slow`, `raise` or `nan`. */
  readonly breakModel: (name: string, fault: 'slow' | 'raise' | 'nan') => Promise<void>;
  readonly kill: () => Promise<void>;
}

const settingsOf = ({ name, width }: ServedGraph, folder: string) => ({
  name,
  implementation: 'mlserver_runtime.OnnxModel',
  parameters: { uri: join(folder, 'model.onnx') },
  inputs: [{ name: 'features', datatype: 'FP32', shape: [-1, width] }],
  outputs: [{ name: 'fraud_probability', datatype: 'FP32', shape: [-1, 1] }],
});

/** Starts MLServer with these graphs and waits until it is ready. */
export const startMlServer = async (graphs: readonly ServedGraph[]): Promise<MlServer> => {
  const python = await pythonEnvironment('mlserver');
  const root = await mkdtemp(join(tmpdir(), 'mlserver-'));
  const [httpPort, grpcPort, metricsPort] = [await freePort(), await freePort(), await freePort()];
  await writeFile(
    join(root, 'settings.json'),
    JSON.stringify({ debug: false, parallel_workers: 0, host: '127.0.0.1', http_port: httpPort, grpc_port: grpcPort, metrics_port: metricsPort }),
  );
  for (const served of graphs) {
    const folder = join(root, served.name);
    await mkdir(folder);
    await copyFile(join(repository, served.graph), join(folder, 'model.onnx'));
    await writeFile(join(folder, 'model-settings.json'), JSON.stringify(settingsOf(served, folder)));
  }
  const child = spawn(python.path('mlserver'), ['start', root], {
    cwd: root,
    stdio: ['ignore', 'ignore', 'ignore'],
    env: { ...process.env, PYTHONPATH: new URL('.', import.meta.url).pathname, PYTHONDONTWRITEBYTECODE: '1', ORT_DISABLE_TELEMETRY: '1' },
  });
  const url = `http://127.0.0.1:${httpPort}`;
  await untilReady(url, child);
  return {
    url,
    breakModel: (name, fault) => writeFile(join(root, name, 'fault'), fault),
    kill: async () => {
      if (child.exitCode === null && child.signalCode === null) {
        const exited = once(child, 'exit');
        child.kill('SIGKILL');
        await exited;
      }
      await rm(root, { recursive: true, force: true });
    },
  };
};
