/** A gateway that requires signatures, as operators and deployments meet it. */
import { appendFile, cp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { deliver, goldenRows, makeTeamFolders, plan, type TeamFolders } from '../support/bundles.ts';
import { type GatewayProcess, runCli, startGateway } from '../support/gateway.ts';
import { makeSigningKeys, type SigningKeys } from '../support/signing-keys.ts';

const baseline = { model: 'card-fraud', version: '1.4.0' };
const candidate = { model: 'card-fraud', version: '2.0.0' };

let folders: TeamFolders;
let keys: SigningKeys;
let gateway: GatewayProcess | null = null;

beforeEach(async () => {
  folders = await makeTeamFolders();
  keys = await makeSigningKeys();
  await deliver(folders, { from: baseline });
});
afterEach(async () => {
  await gateway?.end('SIGTERM');
  gateway = null;
  await folders.remove();
  await keys.remove();
});

const start = async (...flags: string[]): Promise<GatewayProcess> => {
  gateway = await startGateway(folders, { flags });
  return gateway;
};

const bundleFlags = () => ['--models-dir', folders.modelsDir, '--golden-dir', folders.goldenDir];
const sign = (bundle: string) => runCli(['sign', bundle, '--key', keys.privateFile, ...bundleFlags()]);
const folderOf = ({ model, version }: typeof baseline) => join(folders.modelsDir, model, version);

describe('a gateway with trusted keys', () => {
  test('serves what a trusted key signed, and says who vouches for it', async () => {
    expect(await sign('card-fraud/1.4.0')).toMatchObject({ code: 0 });
    const { infer, admin } = await start('--trusted-keys-dir', keys.trustedKeysDir);
    expect((await infer({ model: 'card-fraud', inputs: await goldenRows('card-fraud', ['1.4.0'], '01-ordinary-purchase.json') })).status).toBe(200);
    expect((await admin('GET', '/models/card-fraud/1.4.0')).body.trust).toEqual({
      status: 'trusted',
      key: 'release.pub.pem',
      hint: expect.stringMatching(/^[0-9a-f]{64}$/),
    });
  });

  test('refuses what nobody signed, and runs nothing of it', async () => {
    const { infer, admin } = await start('--trusted-keys-dir', keys.trustedKeysDir);
    expect((await infer({ model: 'card-fraud', inputs: [{}] })).body).toMatchObject({ status: 503 });
    expect((await admin('GET', '/models')).body.models).toEqual([
      expect.objectContaining({ ...baseline, serving: false, faults: [expect.objectContaining({ file: 'model.sig', got: 'no such file' })] }),
    ]);
  });

  test('serves it all the same when it is to warn, and logs that nobody vouches for it', async () => {
    const { admin, log } = await start('--trusted-keys-dir', keys.trustedKeysDir, '--trust', 'warn');
    expect((await admin('GET', '/models/card-fraud/1.4.0')).body).toMatchObject({ serving: true, trust: { status: 'untrusted' }, faults: [] });
    expect(log().map(({ msg }) => msg)).toContainEqual(expect.stringContaining('serves although nobody vouches for it: model.sig'));
  });

  test('refuses to promote a candidate whose golden case was edited since it was loaded', async () => {
    await deliver(folders, { from: candidate });
    expect(await sign('card-fraud')).toMatchObject({ code: 0 });
    await plan(folders, { model: 'card-fraud', baseline: '1.4.0', candidate: '2.0.0' });
    const { admin } = await start('--trusted-keys-dir', keys.trustedKeysDir);
    expect((await admin('POST', '/rollouts/card-fraud/start', { reason: 'a try' })).status).toBe(200);
    const golden = join(folders.goldenDir, 'card-fraud', '2.0.0', '01-ordinary-purchase.json');
    await cp(golden, `${folders.root}/before`);
    await appendFile(golden, '\n');
    const promote = () => admin('POST', '/rollouts/card-fraud/promote', { reason: 'at once', full: true });
    expect(await promote()).toMatchObject({
      status: 409,
      body: { detail: expect.stringMatching(/golden\/01-ordinary-purchase\.json: sha256: got [0-9a-f]{64}, expected [0-9a-f]{64}/) },
    });
    await cp(`${folders.root}/before`, golden);
    await rm(join(folderOf(candidate), 'model.sig'));
    expect(await promote()).toMatchObject({ status: 409, body: { detail: expect.stringContaining('model.sig: (whole file): got no such file') } });
    expect(await sign('card-fraud/2.0.0')).toMatchObject({ code: 0 });
    expect(await promote()).toMatchObject({ status: 200, body: { phase: 'baking' } });
  });

  test.each([
    ['is not there', async () => rm(keys.trustedKeysDir, { recursive: true }), 'got no folder that can be read'],
    ['has a private key in it', async () => cp(keys.privateFile, join(keys.trustedKeysDir, 'secret.pem')), 'got a private key'],
    ['has no key in it', async () => rm(keys.publicFile), 'got no *.pem'],
  ])('does not start when its folder of keys %s', async (_title, spoil, reason) => {
    await spoil();
    const ended = await runCli([
      'serve',
      '--port',
      '0',
      '--admin-port',
      '0',
      '--data-dir',
      folders.dataDir,
      ...bundleFlags(),
      '--trusted-keys-dir',
      keys.trustedKeysDir,
    ]);
    expect(ended).toMatchObject({ code: 2, stderr: expect.stringContaining('HANDOFF_TRUSTED_KEYS_DIR') });
    expect(ended.stderr).toContain(reason);
  });
});

describe('handoff sign and verify', () => {
  const verify = (...more: string[]) => runCli(['verify', 'card-fraud/1.4.0', ...bundleFlags(), ...more]);

  test('agree, and print JSON', async () => {
    expect(await sign('card-fraud/1.4.0')).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^card-fraud 1\.4\.0: signed digest [0-9a-f]{64} with key [0-9a-f]{64}\n$/),
    });
    const { code, stdout } = await verify('--key', keys.publicFile, '--json');
    expect({ code, ...JSON.parse(stdout) }).toMatchObject({ code: 0, ok: true, bundles: [{ ...baseline, signer: { name: 'release.pub.pem' }, faults: [] }] });
  });

  test('find an edited golden case', async () => {
    expect(await sign('card-fraud/1.4.0')).toMatchObject({ code: 0 });
    await appendFile(join(folders.goldenDir, 'card-fraud', '1.4.0', '03-night.json'), ' ');
    expect(await verify('--trusted-keys-dir', keys.trustedKeysDir)).toMatchObject({
      code: 1,
      stdout: expect.stringContaining('golden/03-night.json: sha256: got'),
    });
  });

  test('do not sign what does not hold', async () => {
    await writeFile(join(folderOf(baseline), 'extra.txt'), 'x');
    expect(await sign('card-fraud/1.4.0')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('extra.txt: (whole file): got a file that the manifest does not list'),
    });
    expect(await verify('--key', keys.publicFile)).toMatchObject({ code: 1 });
  });

  test.each([
    ['without a key', [], 2],
    ['with a private key', ['--key', 'private'], 2],
    ['for a bundle that is not there', ['--key', 'public', '--models-dir', '/nowhere'], 3],
  ] as const)('end verify %s with the exit code for it', async (_title, given, code) => {
    const files = { private: keys.privateFile, public: keys.publicFile };
    expect((await verify(...given.map((word) => (word in files ? files[word as keyof typeof files] : word)))).code).toBe(code);
  });
});

describe('which artifact decided', () => {
  const explain = (id: string, adminUrl: string) => runCli(['explain', id, '--admin-url', adminUrl, '--json']);

  test('an answer is explained by the bundle that gave it, also once that bundle is gone and another one has its name', async () => {
    const first = await start();
    const inputs = await goldenRows('card-fraud', ['1.4.0'], '01-ordinary-purchase.json');
    const { body } = await first.infer({ model: 'card-fraud', inputs });
    const before = await first.admin('GET', '/models/card-fraud/1.4.0');
    const asked = await explain(String(body.prediction_id), first.adminUrl);
    expect({ code: asked.code, ...JSON.parse(asked.stdout) }).toMatchObject({
      code: 0,
      prediction: { ...baseline, arm: 'baseline' },
      models: [
        {
          digest: before.body.digest,
          contract: { version: '1.4.0' },
          model_digest: expect.stringMatching(/^[0-9a-f]{64}$/),
          training: expect.arrayContaining([{ name: 'training/train.py', sha256: expect.stringMatching(/^[0-9a-f]{64}$/) }]),
          data: expect.arrayContaining([{ name: 'evaluation/cases.jsonl', sha256: expect.stringMatching(/^[0-9a-f]{64}$/) }]),
        },
      ],
    });
    await first.end('SIGTERM');
    await rm(folderOf(baseline), { recursive: true });
    await rm(join(folders.goldenDir, 'card-fraud', '1.4.0'), { recursive: true });
    await deliver(folders, { from: baseline, edit: { file: 'README.md', change: (text) => `${text}\nAnother.\n` } });
    const second = await start();
    const later = await explain(String(body.prediction_id), second.adminUrl);
    expect(JSON.parse(later.stdout)).toEqual(JSON.parse(asked.stdout));
    const { body: now } = await second.admin('GET', '/models/card-fraud/1.4.0');
    expect(now.digest).not.toBe(before.body.digest);
    expect((now.history as { digest: string }[]).map(({ digest }) => digest)).toEqual([before.body.digest, now.digest]);
    const fresh = await second.infer({ model: 'card-fraud', inputs });
    expect(JSON.parse((await explain(String(fresh.body.prediction_id), second.adminUrl)).stdout)).toMatchObject({ models: [{ digest: now.digest }] });
  });

  test('a version that is gone is still described', async () => {
    await deliver(folders, { from: candidate });
    await plan(folders, { model: 'card-fraud', baseline: '1.4.0', candidate: '2.0.0' });
    const { admin } = await start();
    const { body } = await admin('GET', '/models/card-fraud/2.0.0');
    await rm(join(folders.rolloutDir, 'card-fraud.yaml'));
    await admin('POST', '/rollouts/card-fraud/start', { reason: 'a try' });
    await admin('POST', '/rollouts/card-fraud/rollback', { reason: 'enough' });
    await rm(folderOf(candidate), { recursive: true });
    await admin('POST', '/models/rescan');
    expect((await admin('GET', '/models/card-fraud/2.0.0')).body).toMatchObject({ serving: false, digest: body.digest, history: [{ digest: body.digest }] });
  });

  test('an id that this gateway did not make is not explained', async () => {
    const { adminUrl } = await start();
    expect(await explain('Af4Oforged', adminUrl)).toMatchObject({ code: 1, stdout: expect.stringContaining('No prediction of this gateway has this id.') });
  });
});

test('handoff report keeps what a rollout taught beside the versions, and breaks no signature', async () => {
  await deliver(folders, { from: candidate });
  await plan(folders, { model: 'card-fraud', baseline: '1.4.0', candidate: '2.0.0' });
  expect(await sign('card-fraud')).toMatchObject({ code: 0 });
  const { admin } = await start();
  const { body } = await admin('POST', '/rollouts/card-fraud/start', { reason: 'a try' });
  await admin('POST', '/rollouts/card-fraud/rollback', { reason: 'enough' });
  const report = await runCli(['report', String(body.rollout), '--data-dir', folders.dataDir, ...bundleFlags(), '--json']);
  expect(report).toMatchObject({ code: 0 });
  const found = JSON.parse(report.stdout);
  expect(found).toMatchObject({ model: 'card-fraud', outcome: 'rolled-back', caught: { by: 'anonymous', sentence: 'enough' } });
  expect(found.criteria.find(({ criterion }: { criterion: string }) => criterion === 'recall-at-precision')).toMatchObject({ offline: { verdict: 'met' } });
  expect(await readFile(join(folders.modelsDir, 'card-fraud', 'reports', `${body.rollout}.md`), 'utf8')).toContain('## Offline against live');
  expect(await runCli(['verify', 'card-fraud', '--key', keys.publicFile, ...bundleFlags()])).toMatchObject({ code: 0 });
  expect((await admin('POST', '/models/rescan')).body).toMatchObject({ refused: [] });
});
