/** How requests are split between the versions of a model, as clients of a real gateway see it. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { deliver, goldenOutputs, goldenRows, makeTeamFolders, plan, type TeamFolders } from '../support/bundles.ts';
import { type GatewayProcess, startGateway } from '../support/gateway.ts';
import { inParallel, keepAliveAgent, type RawAnswer, send } from '../support/http-client.ts';

type Row = Record<string, unknown>;

const ordinary = '01-ordinary-purchase.json';
const concurrency = 64;
const agent = keepAliveAgent(concurrency);

let folders: TeamFolders;
let gateway: GatewayProcess;
/** A transaction with the fields of both versions, and one with the baseline's only. */
let transaction: Row;
let oldTransaction: Row;

const setWeight = async (model: string, weight: number): Promise<Row> => {
  const { status, body } = await gateway.admin('PUT', `/rollouts/${model}/weight`, { weight, reason: 'a test of the split' });
  expect(status).toBe(200);
  return body;
};

const explain = async (model: string, key: string): Promise<Row> =>
  (await gateway.admin('GET', `/rollouts/${model}/explain?key=${encodeURIComponent(key)}`)).body;

const ask = (body: Row, headers: Readonly<Record<string, string>> = {}): Promise<RawAnswer> =>
  send({ url: gateway.url, agent, headers: { 'content-type': 'application/json', ...headers }, body: JSON.stringify(body) });
const askWithKeys = (keys: readonly string[], row = transaction): Promise<RawAnswer[]> =>
  inParallel(keys, concurrency, (key) => ask({ model: 'card-fraud', inputs: [row] }, { 'x-routing-key': key }));
const askWithoutKey = (count: number): Promise<RawAnswer[]> =>
  inParallel(Array(count).fill(0), concurrency, () => ask({ model: 'card-fraud', inputs: [transaction] }));

const armsOf = (answers: readonly RawAnswer[]): unknown[] => answers.map(({ body }) => body.arm);
const candidatesIn = (answers: readonly RawAnswer[]): number => armsOf(answers).filter((arm) => arm === 'candidate').length;
const distinct = (values: Iterable<unknown>): unknown[] => [...new Set(values)].sort();

/** The outcomes between which a binomial count lies, but for a chance of `outside`, half of it at each end. */
const binomialInterval = (n: number, p: number, outside: number): { readonly least: number; readonly most: number } => {
  let logMass = n * Math.log1p(-p);
  let below = 0;
  let least = 0;
  for (let count = 0; count <= n; count += 1) {
    below += Math.exp(logMass);
    if (below < outside / 2) least = count + 1;
    if (below >= 1 - outside / 2) return { least, most: count };
    logMass += Math.log((n - count) / (count + 1)) + Math.log(p / (1 - p));
  }
  return { least, most: n };
};

beforeAll(async () => {
  folders = await makeTeamFolders();
  for (const [model, version] of [
    ['card-fraud', '1.4.0'],
    ['card-fraud', '2.0.0'],
    ['search-ranker', '1.2.0'],
    ['search-ranker', '1.3.2'],
  ] as const) {
    // Time enough that a busy machine makes no candidate late: what is told here is the split, not the speed.
    const patient = (text: string): string => text.replace('deadlineMs: 250', 'deadlineMs: 20000');
    await deliver(folders, { from: { model, version }, edit: { file: 'handoff.yaml', change: patient } });
  }
  await plan(folders, { model: 'card-fraud', baseline: '1.4.0', candidate: '2.0.0' });
  const byQuery = `apiVersion: handoff/v1
kind: Rollout
model: search-ranker
baseline: 1.2.0
candidate: 1.3.2
routingKey: { field: query_id }
match: [{ header: x-cohort, equals: internal }]
steps: [{ setWeight: 10 }]
bake: 3d
`;
  await writeFile(join(folders.rolloutDir, 'search-ranker.yaml'), byQuery);
  [transaction = {}] = await goldenRows('card-fraud', ['1.4.0', '2.0.0'], ordinary);
  [oldTransaction = {}] = await goldenRows('card-fraud', ['1.4.0'], ordinary);
  gateway = await startGateway(folders);
});

afterAll(async () => {
  agent.destroy();
  await gateway.end('SIGKILL');
  await folders.remove();
});

describe('a split by a header', { shuffle: false }, () => {
  let attempt = 0;
  let keys: readonly string[] = [];
  let tenth: readonly RawAnswer[] = [];

  test('gives nothing to the candidate before a weight is set', async () => {
    const answers = await askWithKeys(Array.from({ length: 50 }, (_, index) => `before-${index}`));
    expect(distinct(armsOf(answers))).toEqual(['baseline']);
  });

  // A right split lies outside the interval once in a thousand times: other keys are then tried, and both fail once in a million.
  test.each(['plain', 'Grüße', '決済 🂡'])('echoes the id %j as it was sent', async (id) => {
    expect((await ask({ model: 'card-fraud', id, inputs: [transaction] })).body).toMatchObject({ id, outputs: [{ flagged: false }] });
  });

  test('gives a tenth of 10,000 keys to the candidate at weight 10', { retry: 1 }, async () => {
    attempt += 1;
    keys = Array.from({ length: 10_000 }, (_, index) => `customer-${attempt}-${index}`);
    await setWeight('card-fraud', 10);
    tenth = await askWithKeys(keys);
    const { least, most } = binomialInterval(keys.length, 0.1, 0.001);
    expect([least, most]).toEqual([903, 1_100]);
    expect(candidatesIn(tenth)).toBeGreaterThanOrEqual(least);
    expect(candidatesIn(tenth)).toBeLessThanOrEqual(most);
  });

  test('answers every one of them by its own version, with its golden value', async () => {
    const [old, fresh] = await Promise.all(['1.4.0', '2.0.0'].map((version) => goldenOutputs('card-fraud', version, ordinary)));
    expect(distinct(tenth.map(({ status, body }) => `${status} ${String(body.arm)} ${String(body.version)} ${String(body.rescued)}`))).toEqual([
      '200 baseline 1.4.0 false',
      '200 candidate 2.0.0 false',
    ]);
    const probabilities = (arm: string) =>
      distinct(tenth.filter(({ body }) => body.arm === arm).map(({ body }) => (body.outputs as Row[])[0]?.fraud_probability));
    const near = (outputs: readonly Row[] | undefined): unknown => expect.closeTo(Number(outputs?.[0]?.fraud_probability), 5);
    expect(probabilities('baseline')).toEqual([near(old)]);
    expect(probabilities('candidate')).toEqual([near(fresh)]);
  });

  test('takes no key from the candidate when the weight rises to 25', async () => {
    await setWeight('card-fraud', 25);
    const quarter = await askWithKeys(keys);
    expect(distinct(quarter.map(({ status }) => status))).toEqual([200]);
    expect(keys.filter((_, index) => tenth[index]?.body.arm === 'candidate' && quarter[index]?.body.arm !== 'candidate')).toEqual([]);
    // What the other keys add is a binomial of its own: 15 of 90 that were left. Six standard deviations to either side.
    const added = candidatesIn(quarter) - candidatesIn(tenth);
    const left = keys.length - candidatesIn(tenth);
    expect(Math.abs(added - left / 6)).toBeLessThan(6 * Math.sqrt((left * 5) / 36));
  });

  test('is the same for a key that comes again, and as explain says', async () => {
    const some = keys.slice(0, 200);
    const answers = await askWithKeys(some);
    const again = await askWithKeys(some);
    const explained = await inParallel(some, 16, (key) => explain('card-fraud', key));
    expect(armsOf(again)).toEqual(armsOf(answers));
    expect(explained.map(({ arm }) => arm)).toEqual(armsOf(answers));
    expect(explained.map(({ bucket }) => Number(bucket) < 2_500)).toEqual(armsOf(answers).map((arm) => arm === 'candidate'));
    expect(distinct(explained.map(({ weight }) => weight))).toEqual([25]);
  });

  test.each([
    ['UTF-8', (key: string) => Buffer.from(key, 'utf8').toString('latin1')],
    ['Latin-1', (key: string) => key],
  ])('is as explain says for a key that is not ASCII and comes in %s', async (_, asHeader) => {
    const some = Array.from({ length: 60 }, (_unused, index) => `müller-é${index}`);
    const explained = await inParallel(some, 16, (key) => explain('card-fraud', key));
    expect(armsOf(await askWithKeys(some.map(asHeader)))).toEqual(explained.map(({ arm }) => arm));
  });

  test('draws anew for every request without a key', { retry: 1 }, async () => {
    const candidates = candidatesIn(await askWithoutKey(2_000));
    const { least, most } = binomialInterval(2_000, 0.25, 0.001);
    expect(candidates).toBeGreaterThanOrEqual(least);
    expect(candidates).toBeLessThanOrEqual(most);
  });

  test('answers a request without the fields of the candidate by the baseline, and counts it', async () => {
    const candidates = keys.filter((_, index) => tenth[index]?.body.arm === 'candidate').slice(0, 100);
    const before = await gateway.metric(/^gateway_ineligible_requests_total\{model="card-fraud"\}/);
    const answers = await askWithKeys(candidates, oldTransaction);
    expect(distinct(answers.map(({ status, body }) => `${status} ${String(body.arm)} ${String(body.version)}`))).toEqual(['200 baseline 1.4.0']);
    expect(await gateway.metric(/^gateway_ineligible_requests_total\{model="card-fraud"\}/)).toBe(before + 100);
    expect(distinct(armsOf(await askWithKeys(candidates)))).toEqual(['candidate']);
  });

  test('leaves a value that breaks only the contract of the candidate to the baseline', async () => {
    await setWeight('card-fraud', 100);
    const { status, body } = await ask({ model: 'card-fraud', inputs: [{ ...transaction, cust_count_1h_5m: -1 }] });
    expect({ status, body }).toMatchObject({ status: 200, body: { arm: 'baseline', version: '1.4.0' } });
  });

  test('holds the rows of one request together: one row that is not eligible takes all to the baseline', async () => {
    const { body } = await ask({ model: 'card-fraud', inputs: [transaction, oldTransaction] });
    expect(body).toMatchObject({ arm: 'baseline', version: '1.4.0', outputs: [{}, {}] });
  });

  test.each(['1.4.0', '2.0.0'])('assigns no arm to a request that is pinned to %s', async (version) => {
    const answers = await inParallel(keys.slice(0, 50), concurrency, (key) =>
      ask({ model: 'card-fraud', version, inputs: [transaction] }, { 'x-routing-key': key }),
    );
    expect(distinct(answers.map(({ body }) => `${String(body.arm)} ${String(body.version)}`))).toEqual([`null ${version}`]);
    expect(answers[0]?.headers).toMatchObject({ 'x-handoff-arm': 'none', 'x-handoff-version': version });
  });

  test('gives everything at weight 100 and nothing at weight 0', async () => {
    await setWeight('card-fraud', 100);
    expect(distinct(armsOf(await askWithKeys(keys.slice(0, 200))))).toEqual(['candidate']);
    await setWeight('card-fraud', 0);
    expect(distinct(armsOf(await askWithKeys(keys.slice(0, 200))))).toEqual(['baseline']);
  });

  test('says in its headers what is in force: the epoch grows with every weight', async () => {
    const epochs: number[] = [];
    for (const weight of [1, 100, 0.01, 100]) {
      const { epoch } = await setWeight('card-fraud', weight);
      const { headers } = await ask({ model: 'card-fraud', inputs: [transaction] }, { 'x-routing-key': keys[0] ?? '' });
      expect(headers['x-handoff-epoch']).toBe(String(epoch));
      epochs.push(Number(epoch));
    }
    expect(epochs).toEqual(epochs.map((_, index) => (epochs[0] ?? 0) + index));
    const { headers } = await ask({ model: 'card-fraud', inputs: [transaction] });
    expect(headers).toMatchObject({ 'x-handoff-arm': 'candidate', 'x-handoff-version': '2.0.0' });
  });

  test('refuses a key that names nobody', async () => {
    const { status, body } = await ask({ model: 'card-fraud', inputs: [transaction] }, { 'x-routing-key': 'k'.repeat(257) });
    expect({ status, type: body.type }).toEqual({ status: 400, type: '/problems/malformed-request' });
  });
});

describe('a split by a field', { shuffle: false }, () => {
  let documents: readonly Row[];
  const search = (query: string, headers = {}) =>
    ask({ model: 'search-ranker', inputs: documents.slice(0, 3).map((document) => ({ ...document, query_id: query })) }, headers);
  const queries = Array.from({ length: 200 }, (_, index) => `q-${index}`);

  beforeAll(async () => {
    documents = await goldenRows('search-ranker', ['1.2.0'], '01-twenty-documents.json');
  });

  test('sends no cohort to the candidate before the rollout begins', async () => {
    expect((await search('q-1', { 'x-cohort': 'internal' })).body.arm).toBe('baseline');
  });

  test('keeps the documents of a query on the arm that explain gives for the query', async () => {
    await setWeight('search-ranker', 30);
    const answers = await inParallel(queries, concurrency, (query) => search(query));
    const explained = await inParallel(queries, 16, (query) => explain('search-ranker', query));
    expect(armsOf(answers)).toEqual(explained.map(({ arm }) => arm));
    expect(distinct(armsOf(answers))).toEqual(['baseline', 'candidate']);
    expect(distinct(answers.map(({ body }) => (body.outputs as Row[]).length))).toEqual([3]);
  });

  test('sends a cohort to the candidate whatever its key is', async () => {
    const answers = await inParallel(queries, concurrency, (query) => search(query, { 'x-cohort': 'internal' }));
    expect(distinct(armsOf(answers))).toEqual(['candidate']);
  });

  test('refuses rows that disagree on the key, and counts them', async () => {
    const refusals = () => gateway.metric(/^gateway_inference_requests_total\{model="search-ranker".*result="client_error"\}/);
    const before = await refusals();
    const { status, body } = await ask({
      model: 'search-ranker',
      inputs: documents.slice(0, 3).map((document, index) => ({ ...document, query_id: `q-${index === 2 ? 2 : 1}` })),
    });
    expect({ status, body }).toMatchObject({
      status: 400,
      body: {
        type: '/problems/contract-violation',
        errors: [
          {
            pointer: '#/inputs/2/query_id',
            detail: 'differs from the first row',
            expected: expect.stringContaining('the same query_id in every row') as string,
          },
        ],
      },
    });
    expect(await refusals()).toBe(before + 1);
  });
});
