/** Bundles, plans and gateways come and go; requests are answered all the while. */
import { once } from 'node:events';
import { appendFile, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { deliver, goldenRows, makeTeamFolders, plan, type TeamFolders } from '../support/bundles.ts';
import { freePort } from '../support/free-port.ts';
import { type Answer, type GatewayProcess, runCli, startGateway } from '../support/gateway.ts';
import { hold, type RawAnswer, send } from '../support/http-client.ts';

type Row = Record<string, unknown>;

const ordinary = '01-ordinary-purchase.json';
const edited = (change: (text: string) => string) => ({ file: 'handoff.yaml', change });
/** The bundles' own deadline is 250 ms; a busy test machine needs more, and nothing here is about speed. */
const patient = edited((text) => text.replace(/deadlineMs: \d+/, 'deadlineMs: 20000'));

/** A transaction with the fields of both versions, and one with the baseline's only. */
let transaction: Row;
let oldTransaction: Row;

const isAlive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

const post = async (port: number, body: unknown): Promise<RawAnswer['body']> => {
  const headers = { 'content-type': 'application/json' };
  return (await send({ url: `http://127.0.0.1:${port}`, headers, body: JSON.stringify(body) })).body;
};

const makeFolders = async (): Promise<TeamFolders> => {
  const folders = await makeTeamFolders();
  onTestFinished(folders.remove);
  return folders;
};

beforeAll(async () => {
  [transaction = {}] = await goldenRows('card-fraud', ['1.4.0', '2.0.0'], ordinary);
  [oldTransaction = {}] = await goldenRows('card-fraud', ['1.4.0'], ordinary);
});

describe('a gateway that is asked to end', () => {
  test('says first that it is not ready, answers what is under way, and exits with 0', async () => {
    const folders = await makeFolders();
    await deliver(folders, {
      from: { model: 'photo-classifier', version: '1.0.0' },
      edit: edited((text) => text.replace('deadlineMs: 1000', 'deadlineMs: 30000')),
    });
    const [photo = {}] = await goldenRows('photo-classifier', ['1.0.0'], '01-coffee.json');
    const inputs = Array(4).fill(photo);
    const gateway = await startGateway(folders);
    onTestFinished(async () => void (await gateway.end('SIGKILL')));
    const ready = async () => (await fetch(`${gateway.adminUrl}/health/ready`)).status;
    const { body } = await gateway.admin('GET', '/models/photo-classifier/1.0.0');
    expect(await ready()).toBe(200);

    // One request whose end is held back keeps the drain going for as long as it is looked at.
    const held = hold({ url: gateway.url, body: JSON.stringify({ model: 'photo-classifier', inputs: [photo] }) });
    const running = Array.from({ length: 6 }, () => gateway.infer({ model: 'photo-classifier', inputs }));
    await expect.poll(() => gateway.metric(/^gateway_inference_pending_requests/), { interval: 5 }).toBe(7);
    const ended = gateway.end('SIGTERM');
    await expect.poll(ready, { interval: 5 }).toBe(503);
    expect((await gateway.admin('GET', '/health/ready')).body).toMatchObject({ type: '/problems/model-not-ready', detail: 'The gateway is draining.' });
    expect(await gateway.admin('POST', '/models/rescan')).toMatchObject({
      status: 503,
      body: { type: '/problems/overloaded', detail: 'The gateway is draining.' },
    });
    const releasedMs = performance.now();
    held.release();
    const answers = await Promise.all(running);
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
    expect(await held.answer).toMatchObject({ status: 200, headers: { connection: 'close' } });
    expect(await ended).toBe(0);
    // Connections that their clients keep open do not hold the end up until the drain timeout of 25 s.
    expect(performance.now() - releasedMs).toBeLessThan(20_000);
    expect(gateway.log().at(-1)).toMatchObject({ msg: 'drained' });
    expect(gateway.log().filter(({ level }) => level === 'error')).toEqual([]);
    expect(isAlive(Number(body.worker_pid))).toBe(false);
  });

  test('ends what does not end by itself at the drain timeout', async () => {
    const folders = await makeFolders();
    await deliver(folders, { from: { model: 'card-fraud', version: '1.4.0' } });
    const gateway = await startGateway(folders, { flags: ['--drain-timeout-ms', '200'] });
    onTestFinished(async () => void (await gateway.end('SIGKILL')));
    const held = hold({ url: gateway.url, body: 'x'.repeat(100) });
    await expect.poll(() => gateway.metric(/^gateway_inference_pending_requests/), { interval: 5 }).toBe(1);
    expect(await gateway.end('SIGTERM')).toBe(0);
    await expect(held.answer).rejects.toThrow();
  });
});

describe('a data directory', () => {
  test('belongs to one gateway, and to the next one after kill -9, with the same weight', async () => {
    const folders = await makeFolders();
    await deliver(folders, { from: { model: 'card-fraud', version: '1.4.0' }, edit: patient });
    await deliver(folders, { from: { model: 'card-fraud', version: '2.0.0' }, edit: patient });
    await plan(folders, { model: 'card-fraud', baseline: '1.4.0', candidate: '2.0.0' });
    const first = await startGateway(folders);
    onTestFinished(async () => void (await first.end('SIGKILL')));
    await first.admin('PUT', '/rollouts/card-fraud/weight', { weight: 12.34, reason: 'before the kill' });
    const before = (await first.admin('GET', '/rollouts/card-fraud')).body;
    expect(before).toMatchObject({ weight: 12.34, effective_weight: 12.34, phase: 'paused' });

    const second = await runCli(['serve', '--port', '0', '--admin-port', '0', '--data-dir', folders.dataDir, '--models-dir', folders.modelsDir]);
    expect(second).toEqual({ code: 3, stdout: '', stderr: `another gateway uses the data directory ${folders.dataDir}\n` });
    expect((await first.infer({ model: 'card-fraud', inputs: [transaction] })).status).toBe(200);

    await first.end('SIGKILL');
    const next = await startGateway(folders);
    onTestFinished(async () => void (await next.end('SIGKILL')));
    // The exit is recorded, as a change of its own; all else is as it was, but for what a tick measures in between.
    const { evidence: _evidence, guardrails: _guardrails, ineligible_share: _share, ...stays } = before;
    const died = { reason: 'the gateway died while the candidate was serving', epoch: Number(before.epoch) + 1, revision: Number(before.revision) + 1 };
    expect((await next.admin('GET', '/rollouts/card-fraud')).body).toMatchObject({ ...stays, ...died });
    const { headers } = await next.infer({ model: 'card-fraud', inputs: [transaction] });
    expect(headers.get('x-handoff-epoch')).toBe(String(died.epoch));
  });
});

describe('a plan with a typo', () => {
  const start = async (folders: TeamFolders): Promise<GatewayProcess> => {
    const gateway = await startGateway(folders);
    onTestFinished(async () => void (await gateway.end('SIGKILL')));
    return gateway;
  };

  test('leaves the model to the baseline that it names, never to the candidate', async () => {
    const folders = await makeFolders();
    for (const version of ['1.4.0', '2.0.0']) await deliver(folders, { from: { model: 'card-fraud', version }, edit: patient });
    await plan(folders, { model: 'card-fraud', baseline: '1.4.0', candidate: '2.0.0' });
    const file = join(folders.rolloutDir, 'card-fraud.yaml');
    const whole = await readFile(file, 'utf8');
    await writeFile(file, whole.replace('steps:', 'stepps:'));
    const gateway = await start(folders);
    expect(await gateway.infer({ model: 'card-fraud', inputs: [transaction] })).toMatchObject({ status: 200, body: { version: '1.4.0', arm: 'baseline' } });
    await gateway.end('SIGTERM');

    await writeFile(file, whole.replace('baseline:', 'bassline:'));
    const unsure = await start(folders);
    expect(await unsure.infer({ model: 'card-fraud', inputs: [transaction] })).toMatchObject({ status: 503, body: { type: '/problems/model-not-ready' } });
    expect(unsure.log().map(({ msg }) => msg)).toContainEqual(expect.stringContaining('the highest version may be the candidate'));
    await writeFile(file, whole);
    await unsure.admin('POST', '/models/rescan');
    expect(await unsure.infer({ model: 'card-fraud', inputs: [transaction] })).toMatchObject({ status: 200, body: { version: '1.4.0' } });
  });
});

describe('a start that fails', () => {
  test('is no death of the gateway: nothing is held against the candidate', async () => {
    const folders = await makeFolders();
    await deliver(folders, { from: { model: 'card-fraud', version: '1.4.0' }, edit: patient });
    await deliver(folders, { from: { model: 'card-fraud', version: '2.0.0' }, edit: patient });
    await plan(folders, { model: 'card-fraud', baseline: '1.4.0', candidate: '2.0.0' });
    const first = await startGateway(folders);
    onTestFinished(async () => void (await first.end('SIGKILL')));
    await first.admin('PUT', '/rollouts/card-fraud/weight', { weight: 10, reason: 'before' });
    expect(await first.end('SIGTERM')).toBe(0);

    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    onTestFinished(() => void other.close());
    const taken = String((other.address() as AddressInfo).port);
    for (const port of ['--port', '--admin-port']) {
      const others = port === '--port' ? ['--admin-port', '0'] : ['--port', '0'];
      const folderFlags = [
        '--data-dir',
        folders.dataDir,
        '--models-dir',
        folders.modelsDir,
        '--golden-dir',
        folders.goldenDir,
        '--rollout-dir',
        folders.rolloutDir,
      ];
      const { code, stderr } = await runCli(['serve', port, taken, ...others, ...folderFlags]);
      expect({ code, stderr }).toEqual({ code: 3, stderr: `listen EADDRINUSE: address already in use 127.0.0.1:${taken}\n` });
    }

    const next = await startGateway(folders);
    onTestFinished(async () => void (await next.end('SIGKILL')));
    expect((await next.admin('GET', '/rollouts/card-fraud')).body).toMatchObject({ phase: 'paused', weight: 10, reason: 'before' });
  });
});

describe('a running gateway', () => {
  let folders: TeamFolders;
  let gateway: GatewayProcess;

  const rescan = async (): Promise<Row> => (await gateway.admin('POST', '/models/rescan')).body;
  const refusedFrom = async (file: string): Promise<readonly Row[]> => ((await rescan()).refused as Row[]).filter((fault) => String(fault.file).includes(file));
  const ask = (model: string, more: Row = {}): Promise<Answer> => gateway.infer({ model, inputs: [oldTransaction], ...more });
  /** What a test leaves in the folders is none of the next one's. */
  const goneAfterwards = (model: string): void =>
    onTestFinished(async () => {
      await rm(join(folders.modelsDir, model), { recursive: true, force: true });
      await rm(join(folders.rolloutDir, `${model}.yaml`), { force: true });
    });
  const inBundle = (model: string, version: string, file: string): string => join(folders.modelsDir, model, version, file);

  /** Sends requests without a pause until the work is done. @returns what the work returns, and the statuses that were met */
  const underTraffic = async <Result>(
    work: () => Promise<Result>,
  ): Promise<{ readonly result: Result; readonly statuses: readonly number[]; readonly count: number }> => {
    const statuses: number[] = [];
    let done = false;
    const client = async (): Promise<void> => {
      while (!done) statuses.push((await ask('card-fraud')).status);
    };
    const clients = Promise.all(Array.from({ length: 4 }, client));
    const result = await work().finally(() => {
      done = true;
    });
    await clients;
    return { result, statuses: [...new Set(statuses)], count: statuses.length };
  };

  beforeAll(async () => {
    folders = await makeTeamFolders();
    await deliver(folders, { from: { model: 'card-fraud', version: '1.4.0' }, edit: patient });
    await deliver(folders, { from: { model: 'card-fraud', version: '2.0.0' }, edit: patient });
    await plan(folders, { model: 'card-fraud', baseline: '1.4.0', candidate: '2.0.0' });
    gateway = await startGateway(folders);
  });
  afterAll(async () => {
    await gateway.end('SIGKILL');
    await folders.remove();
  });

  test('takes a version in and lets it go again, and no request notices', async () => {
    const version = '1.5.0';
    const arrived = await underTraffic(async () => {
      await deliver(folders, { from: { model: 'card-fraud', version: '1.4.0' }, as: { model: 'card-fraud', version }, edit: patient });
      return rescan();
    });
    expect(arrived).toMatchObject({ statuses: [200], result: { accepted: ['card-fraud 1.5.0'], refused: [] } });
    expect((await ask('card-fraud', { version })).body).toMatchObject({ version, arm: null });
    const { body } = await gateway.admin('GET', `/models/card-fraud/${version}`);
    expect(isAlive(Number(body.worker_pid))).toBe(true);

    const pinned: number[] = [];
    const left = await underTraffic(async () => {
      await rm(inBundle('card-fraud', version, ''), { recursive: true });
      const released = rescan();
      let gone = false;
      void released.finally(() => {
        gone = true;
      });
      while (!gone) pinned.push((await ask('card-fraud', { version })).status);
      return released;
    });
    expect(left).toMatchObject({ statuses: [200], result: { refused: [] } });
    // Those that found the version are answered by it.
    expect(pinned.filter((status) => status !== 200 && status !== 404)).toEqual([]);
    const { status, body: problem } = await ask('card-fraud', { version });
    expect({ status, problem }).toMatchObject({ status: 404, problem: { type: '/problems/version-not-found' } });
    expect(isAlive(Number(body.worker_pid))).toBe(false);
    expect((await gateway.admin('GET', `/models/card-fraud/${version}`)).body).toMatchObject({ serving: false, worker_pid: null });
    expect(await (await fetch(`${gateway.adminUrl}/metrics`)).text()).not.toContain(`version="${version}"`);
    expect(gateway.log()).toContainEqual(expect.objectContaining({ model: 'card-fraud', version, msg: expect.stringContaining('released') as string }));
  });

  test('keeps a version that is in use when its folder goes', async () => {
    await deliver(folders, { from: { model: 'card-fraud', version: '1.4.0' }, as: { model: 'kept', version: '1.4.0' }, edit: patient });
    await rescan();
    await rm(inBundle('kept', '1.4.0', ''), { recursive: true });
    await rescan();
    expect((await ask('kept')).status).toBe(200);
  });

  test('refuses a bundle whose files do not hold with every fault, and serves the others', async () => {
    const at = { model: 'faulty-files', version: '1.0.0' };
    goneAfterwards(at.model);
    await deliver(folders, { from: { model: 'card-fraud', version: '1.4.0' }, as: at });
    await appendFile(inBundle(at.model, at.version, 'RUNBOOK.md'), '\nOne more line.\n');
    await rm(inBundle(at.model, at.version, 'baseline.json'));
    await writeFile(inBundle(at.model, at.version, 'notes.txt'), 'left behind');
    await writeFile(join(folders.goldenDir, at.model, at.version, ordinary), '{}');
    const { result, statuses } = await underTraffic(() => refusedFrom(at.model));
    expect(statuses).toEqual([200]);
    const sha256 = expect.stringMatching(/^[0-9a-f]{64}$/) as string;
    const digest = expect.stringMatching(/^sha256 [0-9a-f]{64}$/) as string;
    const inFile = (file: string) => `${at.model}/${at.version}/${file}`;
    expect(result.toSorted((left, right) => (String(left.file) < String(right.file) ? -1 : 1))).toEqual([
      { file: inFile('RUNBOOK.md'), field: 'sha256', got: sha256, expected: sha256 },
      { file: inFile('baseline.json'), field: '(whole file)', got: 'no such file', expected: digest },
      { file: inFile(`golden/${ordinary}`), field: 'sha256', got: sha256, expected: sha256 },
      { file: inFile('notes.txt'), field: '(whole file)', got: 'a file that the manifest does not list', expected: 'an entry under artifacts, or no file' },
    ]);
    const { body } = await gateway.admin('GET', `/models/${at.model}/${at.version}`);
    expect(body).toMatchObject({ serving: false, faults: [{}, {}, {}, {}] });
  });

  test('refuses a bundle whose manifest does not hold with every fault', async () => {
    const at = { model: 'faulty-manifest', version: '1.0.0' };
    goneAfterwards(at.model);
    const change = (text: string): string =>
      text
        .replace('maxRows: 64', 'maxRows: 0')
        .replace(/^purpose: .*$/m, 'colour: red')
        .replace('maxQueueRows: 2048', 'maxQueueRows: many');
    await deliver(folders, { from: { model: 'card-fraud', version: '1.4.0' }, as: at, edit: edited(change) });
    const faults = await refusedFrom(at.model);
    expect(faults.map(({ file }) => file)).toEqual(faults.map(() => `${at.model}/${at.version}/handoff.yaml`));
    expect(faults.map(({ field, got }) => `${String(field)}: ${String(got)}`).sort()).toEqual([
      'budgets.maxQueueRows: many',
      'budgets.maxRows: 0',
      'colour: an unknown key',
      'purpose: nothing',
    ]);
  });

  test('refuses a bundle whose golden cases do not pass, with what came out', async () => {
    const at = { model: 'faulty-golden', version: '2.0.0' };
    goneAfterwards(at.model);
    // The graph of one version with the contract and golden cases of another: its types fit, only the answers tell.
    await deliver(folders, { from: { model: 'card-fraud', version: '2.0.0' }, as: at, graph: 'models/card-fraud/1.4.0/model.onnx' });
    const faults = await refusedFrom(at.model);
    expect(faults.length).toBeGreaterThan(0);
    expect(faults[0]).toMatchObject({
      file: expect.stringContaining('golden/') as string,
      field: expect.stringMatching(/fraud_probability/) as string,
      got: expect.stringMatching(/^[\d.e-]+$/) as string,
    });
  });

  test('leaves a model to its baseline when the candidate is refused', async () => {
    const model = 'half-good';
    goneAfterwards(model);
    await deliver(folders, { from: { model: 'card-fraud', version: '1.4.0' }, as: { model, version: '1.4.0' }, edit: patient });
    await deliver(folders, { from: { model: 'card-fraud', version: '2.0.0' }, as: { model, version: '2.0.0' }, edit: patient });
    await appendFile(inBundle(model, '2.0.0', 'README.md'), 'changed');
    await plan(folders, { model, baseline: '1.4.0', candidate: '2.0.0' });
    const faults = await refusedFrom(model);
    expect(faults.map(({ file, field }) => `${String(file)} ${String(field)}`)).toEqual([`${model}/2.0.0/README.md sha256`, `rollout/${model}.yaml candidate`]);
    expect((await ask(model)).body).toMatchObject({ version: '1.4.0', arm: 'baseline' });
    // Its clients may send the refused candidate's fields already: the healthy baseline must not turn them away.
    expect(await gateway.infer({ model, inputs: [transaction] })).toMatchObject({ status: 200, body: { version: '1.4.0' } });
    expect((await gateway.admin('PUT', `/rollouts/${model}/weight`, { weight: 10, reason: 'too early' })).status).toBe(409);
    expect((await fetch(`${gateway.url}/health/ready`)).status).toBe(200);
  });

  test('begins a rollout once its candidate is whole', async () => {
    const model = 'late-candidate';
    goneAfterwards(model);
    await deliver(folders, { from: { model: 'card-fraud', version: '1.4.0' }, as: { model, version: '1.4.0' }, edit: patient });
    await plan(folders, { model, baseline: '1.4.0', candidate: '2.0.0' });
    expect(await refusedFrom(model)).toMatchObject([{ file: `rollout/${model}.yaml`, field: 'candidate', got: expect.stringContaining('2.0.0') as string }]);
    expect((await ask(model)).body).toMatchObject({ version: '1.4.0', arm: 'baseline' });
    await deliver(folders, { from: { model: 'card-fraud', version: '2.0.0' }, as: { model, version: '2.0.0' }, edit: patient });
    expect((await rescan()).accepted).toEqual([`${model} 2.0.0`, `rollout/${model}.yaml`]);
    expect((await gateway.admin('GET', `/rollouts/${model}`)).body).toMatchObject({ phase: 'pending', weight: 0 });
  });

  test('refuses a plan that does not hold with every fault', async () => {
    const file = join(folders.rolloutDir, 'bad-plan.yaml');
    onTestFinished(() => rm(file, { force: true }));
    await writeFile(
      file,
      'apiVersion: handoff/v1\nkind: Rollout\nmodel: Bad Plan\nbaseline: 1.4\ncandidate: 2.0.0\nsteps:\n  - setWeight: 25\n  - setWeight: 10\ncolour: red\n',
    );
    expect((await refusedFrom('bad-plan')).map(({ field }) => field).sort()).toEqual(['baseline', 'colour', 'model', 'steps']);
    await writeFile(file, 'apiVersion: [\n');
    expect(await refusedFrom('bad-plan')).toMatchObject([{ file: 'rollout/bad-plan.yaml', field: '(whole file)', expected: 'YAML' }]);
  });

  test('keeps the rollout that is on when a second plan or a changed one comes', async () => {
    const second = join(folders.rolloutDir, 'card-fraud-2.yaml');
    const own = join(folders.rolloutDir, 'card-fraud.yaml');
    const text = await readFile(own, 'utf8');
    onTestFinished(async () => {
      await rm(second, { force: true });
      await writeFile(own, text);
    });
    await gateway.admin('PUT', '/rollouts/card-fraud/weight', { weight: 20, reason: 'it is on' });
    // The guardrails' numbers come with every tick; the rollout itself must be as it was.
    const kept = async () => {
      const { guardrails, evidence, ineligible_share, next, ...rollout } = (await gateway.admin('GET', '/rollouts/card-fraud')).body;
      return rollout;
    };
    const before = await kept();
    await writeFile(second, text);
    expect((await refusedFrom('rollout/card-fraud')).map(({ file, field, expected }) => [file, field, expected]).sort()).toEqual([
      ['rollout/card-fraud-2.yaml', 'model', 'one plan a model'],
      ['rollout/card-fraud.yaml', 'model', 'one plan a model'],
    ]);
    await rm(second);
    await writeFile(own, text.replace('setWeight: 10', 'setWeight: 5'));
    expect(await refusedFrom('rollout/card-fraud')).toMatchObject([{ file: 'rollout/card-fraud.yaml', got: 'a changed plan' }]);
    expect(await kept()).toEqual(before);
    expect((await ask('card-fraud')).status).toBe(200);
  });
});

describe('a model whose candidate takes long to prove', () => {
  test('answers by its baseline meanwhile, also requests with the fields of both; who asks for the candidate is told to wait', async () => {
    const release = Promise.withResolvers<void>();
    const slow = createServer((_, response) => void release.promise.then(() => response.writeHead(404).end())).listen(0, '127.0.0.1');
    onTestFinished(() => void slow.close().closeAllConnections());
    await once(slow, 'listening');
    const url = `http://127.0.0.1:${(slow.address() as AddressInfo).port}`;
    const folders = await makeFolders();
    await deliver(folders, { from: { model: 'card-fraud', version: '1.4.0' }, edit: patient });
    await deliver(folders, { from: { model: 'card-fraud', version: '2.0.0' }, remote: { url, model: 'card-fraud', version: '2.0.0' }, edit: patient });
    await plan(folders, { model: 'card-fraud', baseline: '1.4.0', candidate: '2.0.0' });
    const port = await freePort();
    const starting = startGateway(folders, { flags: ['--port', String(port)] });
    onTestFinished(async () => void (await (await starting).end('SIGKILL')));
    const pinned = () => post(port, { model: 'card-fraud', version: '2.0.0', inputs: [transaction] });
    // Nobody listens at first; from then on there is no answer but "not ready" before the first right one.
    const answers: Row[] = [];
    const ask = async () => answers.push(await post(port, { model: 'card-fraud', inputs: [transaction] }));
    await expect
      .poll(
        () =>
          ask().then(
            () => answers.at(-1)?.version,
            () => null,
          ),
        { interval: 5, timeout: 20_000 },
      )
      .toBe('1.4.0');
    expect(answers.slice(0, -1).filter(({ type }) => type !== '/problems/model-not-ready')).toEqual([]);
    expect(await pinned()).toMatchObject({ status: 503, type: '/problems/model-not-ready' });
    expect(await (await fetch(`http://127.0.0.1:${port}/v2/models/card-fraud/versions/2.0.0`)).json()).toMatchObject({
      error: expect.stringContaining('not served yet'),
    });
    release.resolve();
    await starting;
    expect(await pinned()).toMatchObject({ status: 404, type: '/problems/version-not-found' });
    expect(await post(port, { model: 'card-fraud', inputs: [transaction] })).toMatchObject({ version: '1.4.0' });
  });
});

describe('a model whose baseline is refused', () => {
  test('makes the gateway unready, and leaves the other models alone', async () => {
    const folders = await makeFolders();
    await deliver(folders, { from: { model: 'card-fraud', version: '1.4.0' }, edit: patient });
    await deliver(folders, { from: { model: 'card-fraud', version: '1.4.0' }, as: { model: 'broken', version: '1.4.0' }, edit: patient });
    await deliver(folders, { from: { model: 'card-fraud', version: '2.0.0' }, as: { model: 'broken', version: '2.0.0' }, edit: patient });
    await plan(folders, { model: 'broken', baseline: '1.4.0', candidate: '2.0.0' });
    const readme = join(folders.modelsDir, 'broken', '1.4.0', 'README.md');
    const whole = await readFile(readme);
    await appendFile(readme, 'changed');
    const gateway = await startGateway(folders);
    onTestFinished(async () => void (await gateway.end('SIGKILL')));
    const ready = async () => {
      const response = await fetch(`${gateway.url}/health/ready`);
      return { status: response.status, detail: ((await response.json()) as Row).detail };
    };
    expect(await ready()).toEqual({ status: 503, detail: 'Without a serving baseline: broken.' });
    expect((await fetch(`${gateway.url}/health/live`)).status).toBe(200);
    expect((await gateway.infer({ model: 'card-fraud', inputs: [oldTransaction] })).status).toBe(200);
    const refused = await gateway.infer({ model: 'broken', inputs: [oldTransaction] });
    expect(refused).toMatchObject({ status: 503, body: { type: '/problems/model-not-ready' } });
    expect(refused.headers.get('retry-after')).toMatch(/^[12]$/);
    const inputs = await goldenRows('card-fraud', ['2.0.0'], ordinary);
    expect((await gateway.infer({ model: 'broken', version: '2.0.0', inputs })).body).toMatchObject({ version: '2.0.0', arm: null });

    await writeFile(readme, whole);
    expect((await gateway.admin('POST', '/models/rescan')).body).toMatchObject({ refused: [] });
    expect(await ready()).toMatchObject({ status: 200 });
    expect((await gateway.infer({ model: 'broken', inputs: [oldTransaction] })).status).toBe(200);
  });

  test('takes a running gateway out of service only if it served there before', async () => {
    const folders = await makeFolders();
    await deliver(folders, { from: { model: 'card-fraud', version: '1.4.0' }, edit: patient });
    const gateway = await startGateway(folders);
    onTestFinished(async () => void (await gateway.end('SIGKILL')));
    const ready = async () => (await fetch(`${gateway.url}/health/ready`)).status;
    const rescan = async () => (await gateway.admin('POST', '/models/rescan')).body;
    await deliver(folders, { from: { model: 'card-fraud', version: '1.4.0' }, as: { model: 'late', version: '1.4.0' }, edit: patient });
    const readme = join(folders.modelsDir, 'late', '1.4.0', 'README.md');
    const whole = await readFile(readme);
    await appendFile(readme, 'changed');
    expect(await rescan()).toMatchObject({ refused: [expect.objectContaining({ file: 'late/1.4.0/README.md' })] });
    expect(await ready()).toBe(200);
    expect(await gateway.infer({ model: 'late', inputs: [oldTransaction] })).toMatchObject({ body: { type: '/problems/model-not-ready' } });
    expect((await gateway.infer({ model: 'card-fraud', inputs: [oldTransaction] })).status).toBe(200);

    await writeFile(readme, whole);
    expect(await rescan()).toMatchObject({ refused: [] });
    expect((await gateway.infer({ model: 'late', inputs: [oldTransaction] })).status).toBe(200);
    expect(await ready()).toBe(200);
  });

  test('is told apart from a model that is not there also when it has no other version', async () => {
    const folders = await makeFolders();
    await deliver(folders, { from: { model: 'card-fraud', version: '1.4.0' }, edit: patient });
    await appendFile(join(folders.modelsDir, 'card-fraud', '1.4.0', 'README.md'), 'changed');
    const gateway = await startGateway(folders);
    onTestFinished(async () => void (await gateway.end('SIGKILL')));
    expect(await gateway.infer({ model: 'card-fraud', inputs: [oldTransaction] })).toMatchObject({ status: 503, body: { type: '/problems/model-not-ready' } });
    expect(await gateway.infer({ model: 'card-fraude', inputs: [oldTransaction] })).toMatchObject({ status: 404, body: { type: '/problems/model-not-found' } });
  });
});
