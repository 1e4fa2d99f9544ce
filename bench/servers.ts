/** The servers of the benchmarks, each in a process of its own. */
import { execFileSync, spawn } from 'node:child_process';
import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { deliver, makeTeamFolders } from '../test/support/bundles.ts';
import { type GatewayProcess, startGateway } from '../test/support/gateway.ts';
import { baseline, candidate, model } from './requests.ts';

export interface BenchServer {
  readonly pid: number;
  readonly port: number;
  readonly end: () => Promise<void>;
}

/** A gateway with the card-fraud bundles and plan of this repository, and data of its own. */
export interface BenchGateway extends BenchServer {
  readonly gateway: GatewayProcess;
}

const plan = new URL(`../rollout/${model}.yaml`, import.meta.url);

/** Starts a script of this folder that announces its port. */
export const startScript = (name: string, ...words: readonly string[]): Promise<BenchServer> =>
  new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [new URL(name, import.meta.url).pathname, ...words], { stdio: ['ignore', 'pipe', 'inherit'] });
    child.once('exit', (code) => reject(new Error(`${name} ended with ${code}`)));
    createInterface({ input: child.stdout }).once('line', (line) => {
      const { port } = JSON.parse(line) as { readonly port: number };
      resolve({ pid: child.pid ?? 0, port, end: async () => void child.kill() });
    });
  });

/** Traces of this share of the requests go to the sink. */
export interface Sampling {
  readonly ratio: number;
  readonly sink: BenchServer;
}

/** Starts a gateway with the candidate at this weight, percent, in a worker process of its own. */
export const startBenchGateway = async (weightPercent: number, { ratio, sink }: Sampling): Promise<BenchGateway> => {
  const folders = await makeTeamFolders();
  for (const version of [baseline, candidate]) await deliver(folders, { from: { model, version } });
  await cp(plan, join(folders.rolloutDir, `${model}.yaml`));
  const gateway = await startGateway(folders, {
    env: {
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${sink.port}`,
      OTEL_TRACES_SAMPLER: 'parentbased_traceidratio',
      OTEL_TRACES_SAMPLER_ARG: String(ratio),
    },
  });
  await setWeight(gateway, model, weightPercent);
  const { body } = await gateway.admin('GET', `/models/${model}/${candidate}`);
  if (body.placement !== 'worker') throw new Error(`the candidate is placed ${JSON.stringify(body.placement)}, not in a worker process`);
  const end = async (): Promise<void> => {
    await gateway.end('SIGTERM');
    await folders.remove();
  };
  return { pid: gateway.pid, port: Number(new URL(gateway.url).port), gateway, end };
};

/** Puts a weight, percent, in force. */
export const setWeight = async (gateway: GatewayProcess, name: string, weightPercent: number): Promise<void> => {
  const { status, body } = await gateway.admin('PUT', `/rollouts/${name}/weight`, { weight: weightPercent, reason: 'benchmark' });
  if (status !== 200) throw new Error(`the weight of ${name} was not set: ${status} ${JSON.stringify(body)}`);
};

/** Keeps a process with all of its threads on one core, by the system's `taskset`. Threads and processes that it starts later stay there too. */
export const pin = (pid: number, core: number): void => {
  execFileSync('taskset', ['-a', '-p', '-c', String(core), String(pid)], { stdio: 'ignore' });
};
