/** Another process holds the database: nothing is saved, and a rollback is in force all the same, over a restart too. */
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect, onTestFinished, test } from 'vitest';
import { deliver, goldenRows, makeTeamFolders, plan } from '../support/bundles.ts';
import { startGateway } from '../support/gateway.ts';

const model = 'card-fraud';
/** A busy test machine needs more than the bundles' own 250 ms. */
const patient = { file: 'handoff.yaml', change: (text: string): string => text.replace(/deadlineMs: \d+/, 'deadlineMs: 20000') };
const steps = 'steps:\n  - setWeight: 50\n  - analysis: { atLeast: 1h, minSamples: 500, deadline: 24h }\n';

const makeFolders = async () => {
  const folders = await makeTeamFolders();
  onTestFinished(folders.remove);
  for (const version of ['1.4.0', '2.0.0']) await deliver(folders, { from: { model, version }, edit: patient });
  await plan(folders, { model, baseline: '1.4.0', candidate: '2.0.0', steps });
  return folders;
};

/** Takes the database away from the gateway until it is given back. */
const holdDatabase = (dataDir: string): (() => void) => {
  const database = new DatabaseSync(join(dataDir, 'handoff.db'));
  database.exec('begin immediate');
  return () => database.close();
};

test('a rollback that could not be saved is in force at once, and after a restart', async () => {
  const folders = await makeFolders();
  const first = await startGateway(folders);
  onTestFinished(async () => void (await first.end('SIGKILL')));
  const [row = {}] = await goldenRows(model, ['1.4.0', '2.0.0'], '01-ordinary-purchase.json');
  await first.admin('POST', `/rollouts/${model}/start`, { reason: 'a try' });
  await expect.poll(async () => (await first.admin('GET', `/rollouts/${model}`)).body.effective_weight).toBe(50);

  const giveBack = holdDatabase(folders.dataDir);
  const asked = first.admin('PUT', `/rollouts/${model}/weight`, { weight: 80, reason: 'more' });
  const rolledBack = await first.admin('POST', `/rollouts/${model}/rollback`, { reason: 'wrong amounts' });
  expect(rolledBack).toMatchObject({ status: 200, body: { effective_weight: 0 } });
  expect((await asked).status).toBeGreaterThanOrEqual(400);
  const answers = await Promise.all(Array.from({ length: 30 }, (_, key) => first.infer({ model, inputs: [row] }, { 'x-routing-key': `k${key}` })));
  expect(new Set(answers.map(({ body }) => body.arm))).toEqual(new Set(['baseline']));
  expect(await first.end('SIGTERM')).toBe(3);
  giveBack();

  const second = await startGateway(folders);
  onTestFinished(async () => void (await second.end('SIGKILL')));
  await expect.poll(async () => (await second.admin('GET', `/rollouts/${model}`)).body.phase).toBe('rolled-back');
  const decisions = (await second.admin('GET', `/rollouts/${model}/ledger`)).body;
  expect(JSON.stringify(decisions)).toContain('wrong amounts (decided before a restart)');
  expect(await second.end('SIGTERM')).toBe(0);
});
