/** KServe's own Python server behind the gateway: bundles by `handoff init --remote`, and the same answers. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { makeTeamFolders, type TeamFolders } from '../support/bundles.ts';
import { freePort } from '../support/free-port.ts';
import { type GatewayProcess, runCli, startGateway } from '../support/gateway.ts';
import { pythonEnvironment } from './python-environment.ts';
import { untilReady } from './until-ready.ts';

/** One that gives a request's id back, and one that gives each answer an id of its own; the latter also in bytes, which the server takes but does not list. */
const models = [
  { name: 'echoed', as: 'echoed' },
  { name: 'named', as: 'named' },
  { name: 'named', as: 'named-binary', tensors: 'binary' },
] as const;
const rows = Array.from({ length: 8 }, (_, row) => [row / 4, 1 - row / 8, row * 2]);

let url: string;
let server: ChildProcess;
let folders: TeamFolders;
let gateway: GatewayProcess;

const ask = async (base: string, model: string, asked: readonly (readonly number[])[]): Promise<readonly number[]> => {
  const inputs = [{ name: 'features', datatype: 'FP32', shape: [asked.length, 3], data: asked.flat() }];
  const response = await fetch(`${base}/v2/models/${model}/infer`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ id: 'mine', inputs }),
  });
  const { outputs } = (await response.json()) as { readonly outputs?: readonly { readonly data: readonly number[] }[] };
  return outputs?.[0]?.data ?? [];
};

/** Tensors in the form that is asked for, and time enough for a busy test machine. */
const adapt = async (model: string, tensors: string | undefined): Promise<void> => {
  const file = join(folders.modelsDir, model, '1.0.0', 'handoff.yaml');
  const remote = tensors === undefined ? 'remote:\n' : `remote:\n  tensors: ${tensors}\n`;
  const text = (await readFile(file, 'utf8')).replace(/deadlineMs: \d+/, 'deadlineMs: 5000').replace(/^remote:\n/m, remote);
  expect(text).toContain(remote);
  await writeFile(file, text);
};

beforeAll(async () => {
  const python = await pythonEnvironment('kserve');
  const port = await freePort();
  url = `http://127.0.0.1:${port}`;
  server = spawn(python.path('python'), [new URL('kserve_model.py', import.meta.url).pathname, String(port)], {
    stdio: ['ignore', 'ignore', 'ignore'],
    env: { ...process.env, PYTHONDONTWRITEBYTECODE: '1' },
  });
  folders = await makeTeamFolders();
  await untilReady(url, server);
  for (const { name, as, ...remote } of models) {
    const { code, stderr } = await runCli(['init', '--remote', url, '--model', name, '--as', as, '--out', folders.root]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: expect.stringContaining('Serve it') });
    await adapt(as, 'tensors' in remote ? remote.tensors : undefined);
  }
  gateway = await startGateway(folders);
});

afterAll(async () => {
  await gateway?.end('SIGKILL');
  const ended = server.exitCode === null && server.signalCode === null ? once(server, 'exit') : null;
  server.kill('SIGKILL');
  await ended;
  await folders.remove();
});

describe.each(models)('$as of KServe behind the gateway', ({ name, as }) => {
  test('is served with its recorded answers held', async () => {
    const { body } = await gateway.admin('GET', `/models/${as}/1.0.0`);
    expect(body).toMatchObject({ serving: true, placement: 'remote', golden: { passed: 3, total: 3 } });
  });

  test('gives the same answers as by itself, to many rows and to many requests at once', async () => {
    const direct = await ask(url, name, rows);
    expect(direct).toHaveLength(rows.length);
    expect(await ask(gateway.url, as, rows)).toEqual(direct);
    const alone = await Promise.all(rows.map((row) => ask(gateway.url, as, [row])));
    expect(alone).toEqual(direct.map((value) => [value]));
  });
});
