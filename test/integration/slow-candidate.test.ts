/** A candidate whose queue is full: its requests are rescued and counted, and the baseline's own are not turned away for it. */
import { expect, onTestFinished, test } from 'vitest';
import { deliver, goldenRows, makeTeamFolders, plan } from '../support/bundles.ts';
import { startGateway } from '../support/gateway.ts';
import { inParallel } from '../support/http-client.ts';

const maxQueueRows = 32;
const patient = (text: string): string => text.replace(/deadlineMs: \d+/, 'deadlineMs: 30000').replace(/maxQueueRows: \d+/, `maxQueueRows: ${maxQueueRows}`);
const edit = { file: 'handoff.yaml', change: patient };
const steps = 'steps:\n  - setWeight: 50\n  - pause: {}\n  - setWeight: 100\n';

test('a candidate that stands still turns no request of the baseline away', { timeout: 120_000 }, async () => {
  const folders = await makeTeamFolders();
  await deliver(folders, { from: { model: 'card-fraud', version: '1.4.0' }, edit });
  await deliver(folders, { from: { model: 'card-fraud', version: '2.0.0' }, edit });
  await plan(folders, { model: 'card-fraud', baseline: '1.4.0', candidate: '2.0.0', steps });
  const inputs = await goldenRows('card-fraud', ['1.4.0', '2.0.0'], '01-ordinary-purchase.json');
  const gateway = await startGateway(folders);
  onTestFinished(async () => {
    await gateway.end('SIGKILL');
    await folders.remove();
  });
  const ask = (key: number) => gateway.infer({ model: 'card-fraud', inputs }, { 'x-routing-key': `key-${key}` });
  await gateway.admin('POST', '/rollouts/card-fraud/start', { reason: 'a slow candidate' });
  await expect.poll(async () => (await gateway.admin('GET', '/rollouts/card-fraud')).body.weight).toBe(50);
  const candidate = Number((await gateway.admin('GET', '/models/card-fraud/2.0.0')).body.worker_pid);
  process.kill(candidate, 'SIGSTOP');

  let free = 0;
  const answers = inParallel(
    Array.from({ length: 400 }, (_, key) => key),
    60,
    async (key) => {
      const { status, body } = await ask(key);
      free += 1;
      return { status, arm: body.arm, version: body.version, rescued: body.rescued };
    },
  );
  // What waits in the candidate's queue and in its runs waits for the process; everything else is answered meanwhile.
  await expect.poll(() => free, { timeout: 60_000 }).toBeGreaterThan(300);
  process.kill(candidate, 'SIGCONT');
  const all = await answers;
  expect(all.filter(({ status }) => status !== 200)).toEqual([]);
  const rescued = all.filter((answer) => answer.rescued);
  expect(rescued.length).toBeGreaterThan(50);
  expect(rescued.filter(({ arm, version }) => arm !== 'candidate' || version !== '1.4.0')).toEqual([]);
  const counted = await gateway.metric(/^gateway_inference_rescues_total\{.*reason="queue_full"/);
  expect(counted).toBeGreaterThan(50);
});
