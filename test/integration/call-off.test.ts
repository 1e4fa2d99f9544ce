/** A gateway that is asked to end while it starts: what is still to be proven is called off, and nothing is held against it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { expect, onTestFinished, test } from 'vitest';
import { deliver, makeTeamFolders, plan, type TeamFolders } from '../support/bundles.ts';
import { freePort } from '../support/free-port.ts';
import { type GatewayProcess, startGateway } from '../support/gateway.ts';

const model = 'card-fraud';
/** The bundles' own deadline is 250 ms, which says something about speed; a batch is a request to the other server, which takes 64 rows. */
const patient = {
  file: 'handoff.yaml',
  change: (text: string) => text.replace(/deadlineMs: \d+/, 'deadlineMs: 4000').replace(/maxBatchRows: \d+/, 'maxBatchRows: 64'),
};

const makeFolders = async (): Promise<TeamFolders> => {
  const folders = await makeTeamFolders();
  onTestFinished(folders.remove);
  return folders;
};

const start = async (folders: TeamFolders): Promise<GatewayProcess> => {
  const gateway = await startGateway(folders);
  onTestFinished(async () => void (await gateway.end('SIGKILL')));
  return gateway;
};

/** A gateway that answers on its port, its models still to be proven. */
const startLoading = async ({ modelsDir, goldenDir, rolloutDir, dataDir }: TeamFolders): Promise<ChildProcess & { readonly stdout: NodeJS.ReadableStream }> => {
  const port = await freePort();
  const places = { '--models-dir': modelsDir, '--golden-dir': goldenDir, '--rollout-dir': rolloutDir, '--data-dir': dataDir };
  const words = ['src/cli.js', 'serve', '--port', String(port), '--admin-port', '0', ...Object.entries(places).flat()];
  const child = spawn(process.execPath, words, { stdio: ['ignore', 'pipe', 'inherit'] });
  onTestFinished(() => void child.kill('SIGKILL'));
  const answers = () =>
    fetch(`http://127.0.0.1:${port}/health/live`).then(
      ({ ok }) => ok,
      () => false,
    );
  await expect.poll(answers, { interval: 20, timeout: 30_000 }).toBe(true);
  return child;
};

test('a candidate whose proof takes long is as it was when the gateway starts again', { timeout: 120_000 }, async () => {
  const elsewhere = await makeFolders();
  await deliver(elsewhere, { from: { model, version: '2.0.0' }, edit: patient });
  const upstream = await start(elsewhere);
  const folders = await makeFolders();
  await deliver(folders, { from: { model, version: '1.4.0' }, edit: patient });
  await deliver(folders, { from: { model, version: '2.0.0' }, edit: patient, remote: { url: upstream.url, model, version: '2.0.0' } });
  await plan(folders, { model, baseline: '1.4.0', candidate: '2.0.0' });
  const first = await start(folders);
  const { body: before } = await first.admin('PUT', `/rollouts/${model}/weight`, { weight: 10, reason: 'a first look' });
  expect(before).toMatchObject({ phase: 'paused', effective_weight: 10 });
  expect(await first.end('SIGTERM')).toBe(0);

  process.kill(upstream.pid, 'SIGSTOP');
  const second = await startLoading(folders);
  const closed = Promise.all([text(second.stdout), once(second, 'close')]);
  second.kill('SIGTERM');
  const [log, [exitCode]] = await closed;
  const lines = log
    .trim()
    .split('\n')
    .map((line): Record<string, unknown> => JSON.parse(line));
  expect(exitCode).toBe(0);
  expect(lines.map(({ msg }) => msg).slice(-2)).toEqual(['the loading of the models was called off', 'drained']);
  expect(lines.filter(({ level }) => level === 'error')).toEqual([]);

  process.kill(upstream.pid, 'SIGCONT');
  const third = await start(folders);
  const { epoch, revision, phase, effective_weight } = before;
  expect((await third.admin('GET', `/rollouts/${model}`)).body).toMatchObject({ epoch, revision, phase, effective_weight });
});
