/** `handoff plan` beside a gateway that serves, and as its document shows it. */
import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { deliver, goldenRows, makeTeamFolders, plan, type TeamFolders } from '../support/bundles.ts';
import { type GatewayProcess, runCli, startGateway } from '../support/gateway.ts';

let folders: TeamFolders;
let gateway: GatewayProcess;

beforeAll(async () => {
  folders = await makeTeamFolders();
  await deliver(folders, { from: { model: 'card-fraud', version: '1.4.0' } });
  await deliver(folders, { from: { model: 'card-fraud', version: '2.0.0' } });
  await plan(folders, { model: 'card-fraud', baseline: '1.4.0', candidate: '2.0.0' });
  gateway = await startGateway(folders);
});

afterAll(async () => {
  await gateway.end('SIGKILL');
  await folders.remove();
});

const planOf = (words: readonly string[]) =>
  runCli([
    'plan',
    'card-fraud',
    '--models-dir',
    folders.modelsDir,
    '--golden-dir',
    folders.goldenDir,
    '--rollout-dir',
    folders.rolloutDir,
    '--admin-url',
    gateway.adminUrl,
    ...words,
  ]);

test('a gateway without requests says that their number must be stated', async () => {
  expect(await planOf(['--watch', '0.2'])).toMatchObject({
    code: 3,
    stderr: expect.stringContaining('no request for card-fraud in 0.2 s: state the traffic with --rps'),
  });
});

test('the traffic of a running gateway is observed, and what is stated goes before it', async () => {
  const [row = {}] = await goldenRows('card-fraud', ['1.4.0', '2.0.0'], '01-ordinary-purchase.json');
  let asking = true;
  let asked = 0;
  const client = (async () => {
    while (asking) {
      await gateway.infer({ model: 'card-fraud', inputs: [row] });
      asked += 1;
    }
  })();
  try {
    const observed = await planOf(['--watch', '1', '--json']);
    const { traffic } = JSON.parse(observed.stdout) as {
      readonly traffic: readonly { readonly name: string; readonly value: number; readonly origin: string }[];
    };
    const figure = (name: string) => traffic.find((entry) => entry.name === name);
    expect(figure('rps')).toMatchObject({ origin: 'observed' });
    expect(figure('rps')?.value).toBeGreaterThan(0);
    expect(figure('rps')?.value).toBeLessThanOrEqual(asked);
    expect(figure('error-rate')).toEqual({ name: 'error-rate', value: 0, origin: 'observed' });
    expect(figure('run-ms')).toMatchObject({ origin: 'observed', value: expect.any(Number) });
    const stated = JSON.parse((await planOf(['--watch', '0.5', '--rps', '7', '--json'])).stdout) as typeof traffic extends infer T
      ? { readonly traffic: T }
      : never;
    expect(stated.traffic).toContainEqual({ name: 'rps', value: 7, origin: 'stated' });
    expect(stated.traffic).toContainEqual({ name: 'error-rate', value: 0, origin: 'observed' });
  } finally {
    asking = false;
    await client;
  }
});

test('stated traffic gives what docs/before-the-start.md shows', async () => {
  const { stdout, stderr } = await runCli(['plan', 'card-fraud', '--rps', '50', '--run-ms', '1']);
  const document = await readFile('docs/before-the-start.md', 'utf8');
  expect(document).toContain(`npm exec -- handoff plan card-fraud --rps 50 --run-ms 1\n\`\`\`\n\`\`\`\n${stdout}${stderr}\`\`\``);
});
