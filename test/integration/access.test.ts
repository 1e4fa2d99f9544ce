/** Who is let in: closed by default, with keys by scope. */
import { createHash } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { deliver, goldenRows, makeTeamFolders, plan, type TeamFolders } from '../support/bundles.ts';
import { type GatewayProcess, runCli, startGateway } from '../support/gateway.ts';
import { type RawAnswer, type RawRequest, send } from '../support/http-client.ts';

let folders: TeamFolders;
let gateway: GatewayProcess;
let good: string;

const serve = (...flags: readonly string[]) => runCli(['serve', '--port', '0', '--admin-port', '0', '--data-dir', folders.dataDir, ...flags]);
const typeOf = ({ status, body }: RawAnswer): string => `${status} ${String(body.type ?? 'answer').replace('/problems/', '')}`;
const weight = (value: number) => JSON.stringify({ weight: value, reason: 'a test of access' });
const adminTo = (request: Omit<RawRequest, 'url'>): Promise<RawAnswer> => send({ url: gateway.adminUrl, ...request });
const putWeight = (value: number, headers: Readonly<Record<string, string>>): Promise<RawAnswer> =>
  adminTo({ method: 'PUT', path: '/rollouts/card-fraud/weight', headers: { 'content-type': 'application/json', ...headers }, body: weight(value) });

beforeAll(async () => {
  folders = await makeTeamFolders();
  await deliver(folders, { from: { model: 'card-fraud', version: '1.4.0' } });
  await deliver(folders, { from: { model: 'card-fraud', version: '2.0.0' } });
  await plan(folders, { model: 'card-fraud', baseline: '1.4.0', candidate: '2.0.0' });
  good = JSON.stringify({ model: 'card-fraud', inputs: await goldenRows('card-fraud', ['1.4.0'], '01-ordinary-purchase.json') });
});

afterAll(() => folders.remove());

describe('a gateway without keys', () => {
  beforeAll(async () => {
    gateway = await startGateway(folders);
  });
  afterAll(() => gateway.end('SIGKILL'));

  const foreign = [
    { it: 'another host', headers: { host: 'example.com' } },
    { it: 'a host that begins like its own', headers: { host: 'localhost.example.com' } },
    { it: 'an address of another machine', headers: { host: '10.0.0.5:8081' } },
    { it: 'a page of another origin', headers: { origin: 'https://example.com' } },
    { it: 'a page of another port', headers: { origin: 'http://127.0.0.1:3000' } },
    { it: 'a page without an origin', headers: { origin: 'null' } },
  ];

  test.each(foreign)('lets nobody read its admin port by $it', async ({ headers }) => {
    expect(typeOf(await adminTo({ method: 'GET', path: '/rollouts', headers }))).toBe('403 forbidden');
    expect(typeOf(await adminTo({ method: 'GET', path: '/metrics', headers }))).toBe('403 forbidden');
  });

  test.each(foreign)('lets nobody set a weight by $it', async ({ headers }) => {
    // The guardrails' numbers come with every tick; every move raises the revision.
    const standing = async () => {
      const { phase, weight, epoch, revision } = (await gateway.admin('GET', '/rollouts/card-fraud')).body;
      return { phase, weight, epoch, revision };
    };
    const before = await standing();
    expect(before.revision).toBeGreaterThan(0);
    expect(typeOf(await putWeight(50, headers))).toBe('403 forbidden');
    expect(await standing()).toEqual(before);
  });

  test('lets its own page in, and records the actor as anonymous', async () => {
    const { host, port } = new URL(gateway.adminUrl);
    expect(typeOf(await putWeight(1, { origin: `http://${host}` }))).toBe('200 answer');
    expect(typeOf(await putWeight(2, { host: `localhost:${port}`, origin: `http://localhost:${port}` }))).toBe('200 answer');
    const { body } = await gateway.admin('GET', '/rollouts/card-fraud/ledger?limit=1');
    expect(body).toMatchObject({ entries: [{ body: { actor: 'anonymous', reason: 'a test of access', toWeightHundredths: 200 } }] });
  });

  test.each(['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x', ''])(
    'refuses a write of content type "%s"',
    async (contentType) => {
      expect(typeOf(await putWeight(50, { 'content-type': contentType }))).toBe('415 unsupported-media-type');
      expect(typeOf(await adminTo({ method: 'POST', path: '/models/rescan', headers: { 'content-type': contentType }, body: '{}' }))).toBe(
        '415 unsupported-media-type',
      );
    },
  );

  test('writes only on the revision that If-Match names', async () => {
    const { headers } = await adminTo({ method: 'GET', path: '/rollouts/card-fraud' });
    const etag = headers.etag ?? '';
    expect(typeOf(await putWeight(3, { 'if-match': '"999999"' }))).toBe('409 rollout-conflict');
    const written = await putWeight(3, { 'if-match': etag });
    expect(typeOf(written)).toBe('200 answer');
    expect(written.headers.etag).not.toBe(etag);
    const again = await putWeight(4, { 'if-match': etag });
    expect(typeOf(again)).toBe('409 rollout-conflict');
    expect(again.headers['content-type']).toBe('application/problem+json');
    expect(typeOf(await putWeight(4, { 'if-match': 'W/"1"' }))).toBe('400 malformed-request');
    expect(typeOf(await putWeight(4, { 'if-match': '*' }))).toBe('200 answer');
  });

  test('gives a weight to only one of several writers of the same revision', async () => {
    const { headers } = await adminTo({ method: 'GET', path: '/rollouts/card-fraud' });
    const answers = await Promise.all([5, 6, 7, 8].map((value) => putWeight(value, { 'if-match': headers.etag ?? '' })));
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 409, 409, 409]);
  });

  test('answers predictions to every host that reaches it', async () => {
    const headers = { 'content-type': 'application/json', host: 'scoring.internal' };
    expect(typeOf(await send({ url: gateway.url, headers, body: good }))).toBe('200 answer');
  });
});

describe('a gateway with keys', () => {
  const secrets = { app: 'app-secret-5f2c', watcher: 'watcher-secret-81aa', operator: 'operator-secret-0d9e' };
  const scopes = { app: 'infer', watcher: 'read', operator: 'read,operate' };
  type Name = keyof typeof secrets;
  const names = Object.keys(secrets) as Name[];
  const bearer = (name: Name) => ({ authorization: `Bearer ${secrets[name]}` });
  const json = { 'content-type': 'application/json' };

  beforeAll(async () => {
    const lines = names.map((name) => `${name} ${createHash('sha256').update(secrets[name]).digest('hex')} ${scopes[name]}`);
    await writeFile(join(folders.root, 'keys'), `# who may do what\n${lines.join('\n')}\n`);
    gateway = await startGateway(folders, { flags: ['--keys-file', join(folders.root, 'keys'), '--host', '0.0.0.0', '--admin-host', '0.0.0.0'] });
  });
  afterAll(() => gateway.end('SIGKILL'));

  const calls = {
    'a prediction': (headers) => send({ url: gateway.url, headers: { ...json, ...headers }, body: good }),
    'the rollouts': (headers) => adminTo({ method: 'GET', path: '/rollouts', headers }),
    'the metrics': (headers) => adminTo({ method: 'GET', path: '/metrics', headers }),
    'the models': (headers) => adminTo({ method: 'GET', path: '/models', headers }),
    'a weight': (headers) => putWeight(10, headers),
    'a signal': (headers) => adminTo({ method: 'PUT', path: '/signals/feature-lag', headers: { ...json, ...headers }, body: '{"value":10}' }),
    'a rescan': (headers) => adminTo({ method: 'POST', path: '/models/rescan', headers: { ...json, ...headers }, body: '{}' }),
  } satisfies Record<string, (headers: Readonly<Record<string, string>>) => Promise<RawAnswer>>;

  const allowed: Record<keyof typeof calls, readonly Name[]> = {
    'a prediction': ['app'],
    'the rollouts': ['watcher', 'operator'],
    'the metrics': ['watcher', 'operator'],
    'the models': ['watcher', 'operator'],
    'a weight': ['operator'],
    'a signal': ['operator'],
    'a rescan': ['operator'],
  };

  test.each(Object.keys(calls) as (keyof typeof calls)[])('gives %s to the keys with its scope only', async (call) => {
    const outcomes = await Promise.all(names.map(async (name) => [name, typeOf(await calls[call](bearer(name)))]));
    expect(Object.fromEntries(outcomes)).toEqual(
      Object.fromEntries(names.map((name) => [name, allowed[call].includes(name) ? '200 answer' : '403 forbidden'])),
    );
    for (const headers of [{}, { authorization: 'Bearer somebody' }, { authorization: `Basic ${secrets.operator}` }]) {
      const answer = await calls[call](headers);
      expect(typeOf(answer)).toBe('401 unauthenticated');
      expect(answer.headers['www-authenticate']).toMatch(/^Bearer realm="handoff"/);
    }
  });

  test('says that it lives and is ready to everybody', async () => {
    for (const path of ['/health/live', '/health/ready']) {
      expect(typeOf(await adminTo({ method: 'GET', path }))).toBe('200 answer');
      expect(typeOf(await send({ url: gateway.url, method: 'GET', path }))).toBe('200 answer');
    }
  });

  test('records the id of the key that set a weight, whatever host was asked', async () => {
    expect(typeOf(await putWeight(12, { ...bearer('operator'), host: 'admin.example.com', origin: 'https://admin.example.com' }))).toBe('200 answer');
    const { body } = await adminTo({ method: 'GET', path: '/rollouts/card-fraud/ledger?limit=1', headers: bearer('watcher') });
    expect(body).toMatchObject({ entries: [{ body: { actor: 'operator', toWeightHundredths: 1200 } }] });
  });

  test('takes the secret of a command from a file', async () => {
    await writeFile(join(folders.root, 'secret'), `${secrets.operator}\n`);
    const set = (...flags: string[]) =>
      runCli(['rollout', 'set-weight', 'card-fraud', '13', '--reason', 'by command', '--admin-url', gateway.adminUrl, ...flags]);
    expect(await set()).toMatchObject({ code: 3, stderr: expect.stringContaining('A valid key is needed') as string });
    expect(await set('--key-file', join(folders.root, 'secret'))).toMatchObject({ code: 0, stdout: expect.stringContaining('13 %') as string });
  });

  test('never writes a secret to its log', () => {
    const log = JSON.stringify(gateway.log());
    expect(names.filter((name) => log.includes(secrets[name]))).toEqual([]);
  });
});

describe('a gateway that should leave loopback', () => {
  test.each([
    { flags: ['--host', '0.0.0.0'], message: /^HANDOFF_HOST: got 0\.0\.0\.0, expected a loopback address, or HANDOFF_KEYS_FILE, or --allow-anonymous$/m },
    { flags: ['--host', '::'], message: /^HANDOFF_HOST: got ::/m },
    { flags: ['--admin-host', '0.0.0.0'], message: /^HANDOFF_ADMIN_HOST: got 0\.0\.0\.0, expected a loopback address, or HANDOFF_KEYS_FILE$/m },
    { flags: ['--admin-host', '0.0.0.0', '--allow-anonymous'], message: /^HANDOFF_ADMIN_HOST: got 0\.0\.0\.0/m },
  ])('does not start with $flags', async ({ flags, message }) => {
    const { code, stdout, stderr } = await serve(...flags);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(message);
  });

  test('starts when that is said to be meant', async () => {
    const open = await startGateway(folders, { flags: ['--host', '0.0.0.0', '--allow-anonymous'] });
    expect((await open.infer(JSON.parse(good))).status).toBe(200);
    expect(await open.end('SIGTERM')).toBe(0);
  });

  test('names every fault of its settings at once', async () => {
    const { code, stderr } = await serve('--host', '0.0.0.0', '--max-body-bytes', '0', '--log-level', 'loud');
    expect(code).toBe(2);
    expect(stderr).toMatch(/HANDOFF_HOST[\s\S]*HANDOFF_MAX_BODY_BYTES|HANDOFF_MAX_BODY_BYTES[\s\S]*HANDOFF_HOST/);
    expect(stderr).toContain('HANDOFF_LOG_LEVEL: got loud');
  });
});

describe('a keys file', () => {
  test('that does not hold keeps the gateway from starting, with every fault and no secret', async () => {
    const file = join(folders.root, 'bad-keys');
    await writeFile(file, `olga my-secret read\nanonymous ${'a'.repeat(64)} read\npaul ${'b'.repeat(64)} fly\n`);
    const { code, stderr } = await serve('--keys-file', file);
    expect(code).toBe(2);
    expect(stderr).toMatch(/line 1: sha256: got 9 characters/);
    expect(stderr).toMatch(/line 2: id: got anonymous/);
    expect(stderr).toMatch(/line 3: scopes: got fly/);
    expect(stderr).not.toContain('my-secret');
  });

  test('that is not there keeps the gateway from starting, in one line', async () => {
    const { code, stderr } = await serve('--keys-file', join(folders.root, 'no-keys'));
    expect(code).toBe(2);
    expect(stderr).toMatch(/^HANDOFF_KEYS_FILE: got \S+no-keys, expected a file that can be read\n$/);
  });
});
