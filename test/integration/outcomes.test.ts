/** Outcomes as clients of a real gateway post them: what is kept, what is refused and why, and what a killed gateway still knows. */
import { createHash, randomBytes } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createPredictionIds } from '../../src/data-plane/observe/prediction-id.ts';
import { deliver, goldenRows, makeTeamFolders, plan, type TeamFolders } from '../support/bundles.ts';
import { type GatewayProcess, startGateway } from '../support/gateway.ts';
import { inParallel, keepAliveAgent, type RawAnswer, send } from '../support/http-client.ts';

type Row = Record<string, unknown>;

const model = 'card-fraud';
const outcome = 'confirmed_fraud_flagged';
const agent = keepAliveAgent(32);

let folders: TeamFolders;
let gateway: GatewayProcess;
let transaction: Row;

const ask = (key: string): Promise<RawAnswer> =>
  send({
    url: gateway.url,
    agent,
    headers: { 'content-type': 'application/json', 'x-routing-key': key },
    body: JSON.stringify({ model, inputs: [transaction] }),
  });

const post = (outcomes: unknown): Promise<RawAnswer> =>
  send({ url: gateway.url, path: '/outcomes', agent, headers: { 'content-type': 'application/json' }, body: JSON.stringify(outcomes) });

const now = (): string => new Date().toISOString();
const labelled = (predictionId: unknown, changes: Row = {}): Row => ({ prediction_id: predictionId, outcome, value: 1, observed_at: now(), ...changes });
const keyed = (key: string, changes: Row = {}): Row => ({ model, routing_key: key, predicted_at: now(), outcome, value: 1, observed_at: now(), ...changes });

const setWeight = async (weight: number): Promise<void> => {
  const { status } = await gateway.admin('PUT', `/rollouts/${model}/weight`, { weight, reason: 'a test of outcomes' });
  expect(status).toBe(200);
};

/** Counts as they stand in the store of a gateway that runs or does not: source, arm and how many. */
const kept = (): Record<string, number> => {
  const database = new DatabaseSync(join(folders.dataDir, 'handoff.db'), { readOnly: true });
  const rows = database.prepare('select source, arm, sum(count) as n from outcome_counts group by source, arm').all();
  database.close();
  return Object.fromEntries(rows.map(({ source, arm, n }) => [`${source} ${arm}`, Number(n)]));
};

beforeAll(async () => {
  folders = await makeTeamFolders();
  for (const version of ['1.4.0', '2.0.0']) {
    const patient = (text: string): string => text.replace('deadlineMs: 250', 'deadlineMs: 20000');
    await deliver(folders, { from: { model, version }, edit: { file: 'handoff.yaml', change: patient } });
  }
  await plan(folders, { model, baseline: '1.4.0', candidate: '2.0.0' });
  [transaction = {}] = await goldenRows(model, ['1.4.0', '2.0.0'], '01-ordinary-purchase.json');
  gateway = await startGateway(folders);
  await setWeight(30);
});
afterAll(async () => {
  await gateway.end('SIGTERM');
  agent.destroy();
  await folders.remove();
});

const idFor = async (key: string): Promise<string> => String((await ask(key)).body.prediction_id);

describe('one outcome of many', () => {
  const refusal = async (item: Row): Promise<unknown> => {
    const { status, body } = await post({ outcomes: [item, labelled(await idFor(`beside ${randomBytes(6).toString('hex')}`))] });
    expect(status).toBe(202);
    expect(body).toMatchObject({ accepted: 1, duplicate: 0 });
    return body.refused;
  };

  test('is refused when its prediction id has any bit flipped, or another key, or is no id', async () => {
    const id = await idFor('forger');
    const bytes = Buffer.from(id, 'base64url');
    const flipped = Array.from({ length: bytes.length * 8 }, (_, bit) => {
      const copy = Buffer.from(bytes);
      copy[bit >> 3] = (copy[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      return labelled(copy.toString('base64url'));
    });
    const facts = { model, version: '2.0.0', rollout: null, arm: 'candidate', evidence: 'unit', epoch: 2, assignedAtMs: Date.now(), probability: 0.3 } as const;
    const elsewhere = createPredictionIds({ key: randomBytes(32), incarnation: randomBytes(4) }).mint({ ...facts, routingKeyHash: null, score: null });
    const forged = [...flipped, ...[elsewhere, `${id}=`, ` ${id}`, `${id}\n`, id.slice(0, -1), 'x'].map((text) => labelled(text))];
    for (let from = 0; from < forged.length; from += 1_000) {
      const batch = forged.slice(from, from + 1_000);
      const { body } = await post({ outcomes: batch });
      expect(body).toMatchObject({ accepted: 0, duplicate: 0 });
      expect((body.refused as Row[]).map(({ index, reason }) => [index, reason])).toEqual(batch.map((_, index) => [index, 'forged']));
    }
    expect((await post({ outcomes: [labelled(id)] })).body).toEqual({ accepted: 1, duplicate: 0, refused: [] });
  });

  test.each([
    {
      title: 'an outcome that no criterion measures',
      change: { outcome: 'nps' },
      reason: 'unknown-outcome',
      detail: `outcome: got "nps", expected one of ${outcome}`,
    },
    { title: 'a value above 1', change: { value: 1.5 }, reason: 'out-of-range', detail: 'value: got 1.5, expected 0 or 1' },
    { title: 'a value between for a rate', change: { value: 0.5 }, reason: 'out-of-range', detail: 'value: got 0.5, expected 0 or 1' },
    {
      title: 'an observation after the window',
      change: { observed_at: '2999-01-01T00:00:00Z' },
      reason: 'too-late',
      detail: /^observed_at: got [\d.]+ h after the prediction, expected at most 168 h$/,
    },
  ])('is refused for $title', async ({ change, reason, detail }) => {
    const [refused] = (await refusal(labelled(await idFor('refused'), change))) as Row[];
    expect(refused).toMatchObject({ index: 0, reason });
    expect(refused?.detail).toEqual(typeof detail === 'string' ? detail : expect.stringMatching(detail));
  });

  test('is refused when it arrives after window and grace', async () => {
    const key = Buffer.from((await readFile(join(folders.dataDir, 'prediction.key'), 'utf8')).trim(), 'hex');
    const ids = createPredictionIds({ key, incarnation: randomBytes(4) });
    const facts = {
      model,
      version: '1.4.0',
      rollout: null,
      arm: 'baseline',
      evidence: 'none',
      epoch: 2,
      probability: 0.3,
      routingKeyHash: null,
      score: null,
    } as const;
    const assignedAtMs = Date.now() - 8 * 86_400_000;
    const observedAt = new Date(assignedAtMs + 1_000).toISOString();
    expect(await refusal(labelled(ids.mint({ ...facts, assignedAtMs }), { observed_at: observedAt }))).toEqual([
      { index: 0, reason: 'too-late', detail: 'arrived 192 h after the prediction, expected less than 192 h' },
    ]);
    expect(
      (await post({ outcomes: [labelled(ids.mint({ ...facts, assignedAtMs: assignedAtMs + 3_600_000 }), { observed_at: observedAt })] })).body,
    ).toMatchObject({
      accepted: 1,
    });
  });

  test.each([
    { title: 'an unknown model', change: { model: 'no-such-model' }, reason: 'unknown-outcome' },
    { title: 'a prediction in the future', change: { predicted_at: '2999-01-01T00:00:00Z' }, reason: 'out-of-range' },
    { title: 'a time before anything was assigned', change: { predicted_at: '2020-01-01T00:00:00Z' }, reason: 'too-late' },
  ])('that names a key is refused for $title', async ({ change, reason }) => {
    expect(await refusal(keyed('someone', change))).toMatchObject([{ index: 0, reason }]);
  });

  test('counts once, in one batch, in the next, and after a restart', async () => {
    const item = labelled(await idFor('repeated'));
    const byKey = keyed('repeated by key');
    expect((await post({ outcomes: [item, item, byKey] })).body).toEqual({ accepted: 2, duplicate: 1, refused: [] });
    expect((await post({ outcomes: [item, { ...byKey, value: 0 }] })).body).toEqual({ accepted: 0, duplicate: 2, refused: [] });
    await gateway.end('SIGTERM');
    gateway = await startGateway(folders);
    expect((await post({ outcomes: [item, { ...item, value: 0 }, byKey] })).body).toEqual({ accepted: 0, duplicate: 3, refused: [] });
  });
});

describe('a malformed body', () => {
  test.each([
    { title: 'no list', body: {}, pointer: '#/outcomes' },
    { title: 'an empty list', body: { outcomes: [] }, pointer: '#/outcomes' },
    { title: 'an unknown field', body: { outcomes: [labelled('x', { note: 'hello' })] }, pointer: '#/outcomes/0/note' },
    { title: 'no value', body: { outcomes: [labelled('x'), labelled('x', { value: null })] }, pointer: '#/outcomes/1/value' },
    { title: 'a time without an offset', body: { outcomes: [labelled('x', { observed_at: '2026-05-01T10:00:00' })] }, pointer: '#/outcomes/0/observed_at' },
    { title: 'neither an id nor a key', body: { outcomes: [{ outcome, value: 1, observed_at: now() }] }, pointer: '#/outcomes/0/prediction_id' },
    { title: 'an empty key', body: { outcomes: [keyed('')] }, pointer: '#/outcomes/0/routing_key' },
    { title: 'too many outcomes', body: { outcomes: Array.from({ length: 1_001 }, () => labelled('x')) }, pointer: '#/outcomes' },
  ])('is refused as a whole: $title', async ({ body, pointer }) => {
    const answer = await post(body);
    expect(answer.status).toBe(400);
    expect(answer.headers['content-type']).toBe('application/problem+json');
    expect(answer.body).toMatchObject({ type: '/problems/malformed-request', errors: [{ pointer, got: expect.any(String), expected: expect.any(String) }] });
  });

  test.each([
    {
      title: 'one that is deeper than can be written',
      body: `{"outcomes":[${'['.repeat(20_000)}${']'.repeat(20_000)}]}`,
      pointer: '#/outcomes/0',
      got: 'a list of 1',
    },
    { title: 'half a surrogate pair', body: '{"outcomes":[{}],"\\ud800":1}', pointer: '#/%EF%BF%BD', got: '1' },
  ])('is refused by the place of its fault: $title', async ({ body, pointer, got }) => {
    const answer = await send({ url: gateway.url, path: '/outcomes', headers: { 'content-type': 'application/json' }, body });
    expect(answer.status).toBe(400);
    expect(answer.body).toMatchObject({ type: '/problems/malformed-request', errors: [{ pointer, got }] });
  });

  test('is refused when it is no JSON, or of another type', async () => {
    const headers = { 'content-type': 'application/json' };
    expect((await send({ url: gateway.url, path: '/outcomes', headers, body: '{' })).status).toBe(400);
    expect((await send({ url: gateway.url, path: '/outcomes', headers: { 'content-type': 'text/plain' }, body: '{}' })).status).toBe(415);
    expect((await send({ url: gateway.url, path: '/outcomes', method: 'GET' })).status).toBe(405);
  });
});

/** What ten thousand requests got, and their outcomes in batches of a hundred, half of them by key. */
test('ten thousand outcomes join their arms over HTTP, through weight changes, and are still there after kill -9', { timeout: 300_000 }, async () => {
  const before = kept();
  const arms = { unit: { baseline: 0, candidate: 0 }, keyed: { baseline: 0, candidate: 0 } };
  for (const [index, weight] of [20, 60, 5, 45].entries()) {
    await setWeight(weight);
    const keys = Array.from({ length: 2_500 }, (_, at) => `buyer-${index}-${at}`);
    const answers = await inParallel(keys, 32, ask);
    const outcomes = answers.map(({ body }, at) => {
      const arm = body.arm as 'baseline' | 'candidate';
      arms[at % 2 === 0 ? 'unit' : 'keyed'][arm] += 1;
      return at % 2 === 0 ? labelled(body.prediction_id) : keyed(keys[at] ?? '');
    });
    const batches = Array.from({ length: 25 }, (_, batch) => outcomes.slice(batch * 100, (batch + 1) * 100));
    const results = await inParallel(batches, 8, (batch) => post({ outcomes: batch }));
    expect(results.map(({ status, body }) => ({ status, body }))).toEqual(
      batches.map(() => ({ status: 202, body: { accepted: 100, duplicate: 0, refused: [] } })),
    );
  }
  await gateway.end('SIGKILL');
  const after = kept();
  const added = (name: string): number => (after[name] ?? 0) - (before[name] ?? 0);
  // Keys of a life that ended are known or not: either way each request joins the arm that answered it.
  const byId = (arm: 'baseline' | 'candidate'): number => added(`unit ${arm}`) + added(`later ${arm}`);
  expect({
    unit: { baseline: byId('baseline'), candidate: byId('candidate') },
    keyed: { baseline: added('keyed baseline'), candidate: added('keyed candidate') },
  }).toEqual(arms);
  gateway = await startGateway(folders);
  expect(await gateway.metric(/^gateway_outcomes_total/)).toBe(0);
});

test('an outcome needs a key with its own scope', async () => {
  const keysFile = join(folders.root, 'keys');
  const line = (id: string, scope: string): string => `${id} ${createHash('sha256').update(`${id}-secret`).digest('hex')} ${scope}\n`;
  await writeFile(keysFile, line('shop', 'infer') + line('labels', 'outcome'));
  const closed = await startGateway({ ...folders, dataDir: join(folders.root, 'closed') }, { flags: ['--keys-file', keysFile] });
  const postAs = (headers: Readonly<Record<string, string>>): Promise<RawAnswer> =>
    send({
      url: closed.url,
      path: '/outcomes',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify({ outcomes: [labelled('x')] }),
    });
  expect((await postAs({})).status).toBe(401);
  expect((await postAs({ authorization: 'Bearer shop-secret' })).status).toBe(403);
  expect(await postAs({ authorization: 'Bearer labels-secret' })).toMatchObject({ status: 202, body: { refused: [{ reason: 'forged' }] } });
  await closed.end('SIGTERM');
});
