/** MLServer behind the gateway: bundles by `handoff init --remote`, the same answers, and a candidate there that breaks. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { goldenRows, makeTeamFolders, type TeamFolders } from '../support/bundles.ts';
import { type GatewayProcess, runCli, startGateway } from '../support/gateway.ts';
import { type MlServer, startMlServer } from './ml-server.ts';

const faults = ['slow', 'raise', 'nan', 'killed'] as const;
const names = ['fraud', ...faults.map((fault) => `fraud-${fault}`)];
const width = 17;
let baseline: MlServer;
let candidate: MlServer;
let folders: TeamFolders;
let gateway: GatewayProcess;
let inputs: readonly (readonly number[])[];

const body = (rows: readonly (readonly number[])[]) => ({ inputs: [{ name: 'features', datatype: 'FP32', shape: [rows.length, width], data: rows.flat() }] });

interface Answered {
  readonly status: number;
  readonly version: string | undefined;
  readonly arm: unknown;
  readonly rescued: unknown;
  readonly data: readonly number[];
}

const ask = async (
  url: string,
  model: string,
  { rows, key = '' }: { readonly rows: readonly (readonly number[])[]; readonly key?: string },
): Promise<Answered> => {
  const response = await fetch(`${url}/v2/models/${model}/infer`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...(key === '' ? {} : { 'x-routing-key': key }) },
    body: JSON.stringify(body(rows)),
  });
  const answer = (await response.json()) as {
    model_version?: string;
    parameters?: Record<string, unknown>;
    outputs?: readonly { readonly data: readonly number[] }[];
  };
  return {
    status: response.status,
    version: answer.model_version,
    arm: answer.parameters?.arm,
    rescued: answer.parameters?.rescued,
    data: answer.outputs?.[0]?.data ?? [],
  };
};

const patient = async (file: string): Promise<void> => writeFile(file, (await readFile(file, 'utf8')).replace('deadlineMs: 2000', 'deadlineMs: 5000'));

const init = (...args: readonly string[]) => runCli(['init', ...args, '--out', folders.root]);

beforeAll(async () => {
  folders = await makeTeamFolders();
  baseline = await startMlServer([{ name: 'fraud', graph: 'models/card-fraud/1.4.0/model.onnx', width }]);
  candidate = await startMlServer(names.map((name) => ({ name, graph: 'models/card-fraud/1.4.0/model.onnx', width })));
  for (const name of names) {
    const first = await init('--remote', baseline.url, '--model', 'fraud', '--as', name, '--version', '1.0.0');
    const second = await init('--remote', candidate.url, '--model', name, '--version', '2.0.0');
    expect([first.code, second.code, first.stderr.includes('canary')]).toEqual([0, 0, true]);
  }
  // Two seconds, of which a fifth of one is left for a rescue, are little on a busy test machine.
  for (const name of names) for (const version of ['1.0.0', '2.0.0']) await patient(join(folders.modelsDir, name, version, 'handoff.yaml'));
  gateway = await startGateway(folders);
  const files = ['01-ordinary-purchase.json', '02-high-amount.json', '03-night.json', '04-compromised-terminal.json', '05-compromised-customer.json'];
  const rows = (await Promise.all(files.map((file) => goldenRows('card-fraud', ['1.4.0'], file)))).flat();
  const { body: described } = await gateway.admin('GET', '/models/fraud/1.0.0');
  expect(described).toMatchObject({ placement: 'remote', golden: { passed: 3, total: 3 } });
  inputs = rows.map((row) => Object.values(row).map(Number));
});

afterAll(async () => {
  await gateway?.end('SIGKILL');
  await baseline?.kill();
  await candidate?.kill();
  await folders.remove();
});

describe('MLServer behind the gateway', { shuffle: false }, () => {
  test('has its recorded answers run by the command as the gateway does it', async () => {
    const smoked = await runCli(['smoke', '--models-dir', folders.modelsDir, '--golden-dir', folders.goldenDir, '--rollout-dir', folders.rolloutDir]);
    expect({ code: smoked.code, ok: smoked.stdout.match(/ ok$/gm)?.length }).toEqual({ code: 0, ok: 2 * 3 * names.length });
  });

  test('gives the same answers through the gateway as by itself', async () => {
    const together = await ask(gateway.url, 'fraud', { rows: inputs });
    const direct = await ask(baseline.url, 'fraud', { rows: inputs });
    expect(direct.data).toHaveLength(inputs.length);
    for (const [index, value] of together.data.entries()) expect(Math.abs(value - Number(direct.data[index]))).toBeLessThan(1e-6);
    const alone = await Promise.all(inputs.map((row) => ask(gateway.url, 'fraud', { rows: [row] })));
    for (const [index, { data }] of alone.entries()) expect(Math.abs(Number(data[0]) - Number(direct.data[index]))).toBeLessThan(1e-6);
  });

  test.each(faults)('rescues and rolls back a candidate there that is %s', async (fault) => {
    const model = `fraud-${fault}`;
    expect((await gateway.admin('PUT', `/rollouts/${model}/weight`, { weight: 50, reason: 'a test' })).status).toBe(200);
    if (fault === 'killed') await candidate.kill();
    else await candidate.breakModel(model, fault);
    const seen: Answered[] = [];
    let round = 0;
    const phase = async () => {
      round += 1;
      seen.push(
        ...(await Promise.all(
          Array.from({ length: 20 }, (_, index) => ask(gateway.url, model, { rows: [inputs[index % inputs.length] ?? []], key: `${round}-${index}` })),
        )),
      );
      return (await gateway.admin('GET', `/rollouts/${model}`)).body.phase;
    };
    await expect.poll(phase, { timeout: 55_000, interval: 100 }).toBe('rolled-back');
    expect(new Set(seen.map(({ status }) => status))).toEqual(new Set([200]));
    const onCandidate = seen.filter(({ arm }) => arm === 'candidate');
    expect(onCandidate.length).toBeGreaterThan(5);
    expect(onCandidate.every(({ rescued, version }) => rescued === true && version === '1.0.0')).toBe(true);
  });

  test('cannot be asked for a model that it does not have, or where nobody is', async () => {
    expect(await init('--remote', baseline.url, '--model', 'nobody')).toMatchObject({ code: 1, stderr: expect.stringContaining('404') });
    expect(await init('--remote', 'http://127.0.0.1:9', '--model', 'fraud')).toMatchObject({ code: 3 });
    expect(await init('--remote', baseline.url, '--model', 'fraud', '--version', '1.0.0')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('is there already'),
    });
    expect(await init('--model', 'fraud')).toMatchObject({ code: 2 });
  });

  test('a sample that is no request is refused with its fault', async () => {
    const file = join(folders.root, 'sample.json');
    await writeFile(file, JSON.stringify({ inputs: [{ name: 'features', datatype: 'FP32', shape: [1, 17], data: [1] }] }));
    const { code, stderr } = await init('--remote', baseline.url, '--model', 'fraud', '--as', 'sampled', '--sample', file);
    expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringContaining('got 1 values, expected 17') });
  });
});
