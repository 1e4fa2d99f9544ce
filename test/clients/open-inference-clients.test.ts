/** The protocol's own clients against the gateway: every documented call, every datatype, and what is wrong. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { textTable } from '../../src/cli/text-table.ts';
import { deliver, goldenOutputs, goldenRows, makeTeamFolders, plan, type TeamFolders } from '../support/bundles.ts';
import { deliverEcho } from '../support/echo-bundle.ts';
import { type GatewayProcess, startGateway } from '../support/gateway.ts';
import { pythonEnvironment } from './python-environment.ts';

const clients = [
  { name: 'tritonclient', environment: 'tritonclient', script: 'triton_client.py', least: 21 },
  { name: 'tritonclient aio', environment: 'tritonclient', script: 'triton_client_aio.py', least: 18 },
  { name: 'kserve', environment: 'kserve', script: 'kserve_client.py', least: 14 },
] as const;

interface Outcome {
  readonly call: string;
  readonly ok: boolean;
  readonly detail: string;
}

let folders: TeamFolders;
let gateway: GatewayProcess;
let args: readonly string[];
const outcomes = new Map<string, readonly Outcome[]>();

beforeAll(async () => {
  // Making them takes minutes the first time: more than a test may take.
  for (const { environment } of clients) await pythonEnvironment(environment);
  folders = await makeTeamFolders();
  for (const version of ['1.4.0', '2.0.0']) await deliver(folders, { from: { model: 'card-fraud', version } });
  await plan(folders, { model: 'card-fraud', baseline: '1.4.0', candidate: '2.0.0' });
  await deliver(folders, { from: { model: 'photo-classifier', version: '1.0.0' } });
  await deliverEcho(folders);
  gateway = await startGateway(folders);
  const [row = {}] = await goldenRows('card-fraud', ['1.4.0'], '01-ordinary-purchase.json');
  const [output] = await goldenOutputs('card-fraud', '1.4.0', '01-ordinary-purchase.json');
  const [photo] = await goldenRows('photo-classifier', ['1.0.0'], '01-coffee.json');
  const image = join(folders.root, 'photo.base64');
  await writeFile(image, String(photo?.image));
  const { body } = await gateway.admin('GET', '/models/card-fraud/1.4.0');
  const { inputs } = body.contract as { readonly inputs: readonly { readonly fields: readonly { readonly name: string }[] }[] };
  const features = (inputs[0]?.fields ?? []).map(({ name }) => row[name]);
  args = [new URL(gateway.url).host, JSON.stringify(features), String(output?.fraud_probability), image];
});

/** Every call of every client, and who has it. */
const table = (): string => {
  const calls = [...new Set([...outcomes.values()].flat().map(({ call }) => call))];
  const cell = (client: string, call: string): string => {
    const outcome = outcomes.get(client)?.find((entry) => entry.call === call);
    if (outcome === undefined) return '-';
    return outcome.ok ? 'ok' : 'FAILED';
  };
  return textTable([['call', ...clients.map(({ name }) => name)], ...calls.map((call) => [call, ...clients.map(({ name }) => cell(name, call))])]);
};

afterAll(async () => {
  process.stdout.write(`\n${table()}\n`);
  await gateway.end('SIGKILL');
  await folders.remove();
});

describe.each(clients)('$name', ({ name, environment, script, least }) => {
  test('has every documented call answered', async () => {
    const python = await pythonEnvironment(environment);
    const { code, output } = await python.run('python', [new URL(script, import.meta.url).pathname, ...args]);
    const lines = output.split('\n').filter((line) => line.startsWith('{"call"'));
    const results = lines.map((line) => JSON.parse(line) as Outcome);
    outcomes.set(name, results);
    expect({ code, failed: results.filter(({ ok }) => !ok), output: results.length >= least ? '' : output }).toEqual({ code: 0, failed: [], output: '' });
  });
});
