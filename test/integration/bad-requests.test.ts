/** Every request that must be refused, sent to a real gateway: each gets its documented problem, and none reaches a model. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { bombPng } from '../support/bomb-png.ts';
import { deliver, goldenOutputs, goldenRows, makeTeamFolders, plan, type TeamFolders } from '../support/bundles.ts';
import { type GatewayProcess, startGateway } from '../support/gateway.ts';
import { hold, type RawAnswer, type RawRequest, send } from '../support/http-client.ts';

type Row = Record<string, unknown>;
type Violation = Readonly<Record<'pointer' | 'detail' | 'got' | 'expected', string>> & { readonly unit?: string };

/** What a bad request must be answered with. */
interface Refusal {
  readonly status: number;
  readonly type: string;
  readonly errors?: readonly Partial<Violation>[];
  readonly detail?: RegExp;
}

const maxBodyBytes = 1_000_000;
const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';
const traced = { 'x-request-id': 'bad-request.1', traceparent: `00-${traceId}-00f067aa0ba902b7-01` };
const asJson = { 'content-type': 'application/json' };

let folders: TeamFolders;
let gateway: GatewayProcess;
/** A transaction with the fields of both versions, twenty documents of one query, and a photo. */
let transaction: Row;
let documents: readonly Row[];
let photo: string;
/** A valid image of few bytes that decodes to 400 million pixels. */
let bomb: string;
let workerPid: unknown;

/** Runs of any model that the gateway has made for requests. */
const runs = () => gateway.metric(/^gateway_inference_compute_duration_seconds_count/);
const refusals = () => gateway.metric(/^gateway_inference_requests_total\{.*result="client_error"\}/);
const photoWorker = async () => (await gateway.admin('GET', '/models/photo-classifier/1.0.0')).body.worker_pid;

beforeAll(async () => {
  folders = await makeTeamFolders();
  await deliver(folders, { from: { model: 'card-fraud', version: '1.4.0' } });
  await deliver(folders, { from: { model: 'card-fraud', version: '2.0.0' } });
  await deliver(folders, { from: { model: 'search-ranker', version: '1.2.0' } });
  await deliver(folders, { from: { model: 'photo-classifier', version: '1.0.0' } });
  await plan(folders, { model: 'card-fraud', baseline: '1.4.0', candidate: '2.0.0' });
  [transaction = {}] = await goldenRows('card-fraud', ['1.4.0', '2.0.0'], '01-ordinary-purchase.json');
  documents = await goldenRows('search-ranker', ['1.2.0'], '01-twenty-documents.json');
  photo = String((await goldenRows('photo-classifier', ['1.0.0'], '01-coffee.json'))[0]?.image);
  gateway = await startGateway(folders, { flags: ['--max-body-bytes', String(maxBodyBytes)] });
  bomb = (await bombPng(20_000)).toString('base64');
  workerPid = await photoWorker();
});

afterAll(async () => {
  await gateway.end('SIGKILL');
  await folders.remove();
});

const violation = (pointer: string, detail: string, rest: Omit<Violation, 'pointer' | 'detail'>): Violation => ({ pointer, detail, ...rest });
const contractViolation = (...errors: readonly Partial<Violation>[]): Refusal => ({ status: 400, type: 'contract-violation', errors });
const malformed = (...errors: readonly Partial<Violation>[]): Refusal => ({
  status: 400,
  type: 'malformed-request',
  ...(errors.length === 0 ? {} : { errors }),
});

const expectRefusal = ({ status, headers, body }: RawAnswer, refusal: Refusal): void => {
  const { type, errors, detail } = refusal;
  expect({ status, body }).toMatchObject({ status: refusal.status, body: { type: `/problems/${type}`, ...(errors === undefined ? {} : { errors }) } });
  expect(body.detail).toMatch(detail ?? /./);
  expect(body).toMatchObject({ status, instance: traced['x-request-id'], traceId, title: expect.any(String) });
  expect(headers).toMatchObject({ 'content-type': 'application/problem+json', 'x-request-id': traced['x-request-id'] });
  expect(JSON.stringify(body)).not.toMatch(/node_modules|src\/|\.ts:|Error:/);
};

/** Sends a bad request, checks the answer, and that it was counted once and cost no run. */
const refuses = async (request: Omit<RawRequest, 'url'>, refusal: Refusal, counted = 1): Promise<void> => {
  const before = { runs: await runs(), refusals: await refusals() };
  expectRefusal(await send({ url: gateway.url, ...request, headers: { ...asJson, ...traced, ...request.headers } }), refusal);
  expect({ runs: await runs(), refusals: await refusals() }).toEqual({ runs: before.runs, refusals: before.refusals + counted });
};

const refusesInputs = (model: string, inputs: unknown, refusal: Refusal) => refuses({ body: JSON.stringify({ model, inputs }) }, refusal);

const amount = { expected: 'a finite number from 0.01 to 50000 (or {"value", "unit"} with unit cent)', unit: 'EUR' };
const hour = { expected: 'an integer from 0 to 23 (or an RFC 3339 timestamp with an offset, read as hour in Europe/Brussels)', unit: 'h' };
const wrong = (field: string, got: string, rest: { expected: string; unit?: string }) =>
  contractViolation(violation(`#/inputs/0/${field}`, 'breaks the contract', { got, ...rest }));
const unknownField = (pointer: string) =>
  contractViolation(violation(pointer, 'is an unknown field', { got: 'a field that no version declares', expected: 'no such field' }));

interface FieldCase {
  readonly it: string;
  readonly row: Row;
  readonly refusal: Refusal;
}

const transactionCases: readonly FieldCase[] = [
  { it: 'an unknown field', row: { colour: 'red' }, refusal: unknownField('#/inputs/0/colour') },
  { it: 'an unknown field whose name needs escaping', row: { 'a/b~c d': 1 }, refusal: unknownField('#/inputs/0/a~1b~0c%20d') },
  { it: 'an unknown field that every object inherits', row: { constructor: 1 }, refusal: unknownField('#/inputs/0/constructor') },
  { it: 'text for a number', row: { amount: 'many' }, refusal: wrong('amount', 'text "many"', amount) },
  { it: 'a number as text', row: { amount: '42.5' }, refusal: wrong('amount', 'text "42.5"', amount) },
  { it: 'NaN as text', row: { amount: 'NaN' }, refusal: wrong('amount', 'text "NaN"', amount) },
  { it: 'Infinity as text', row: { amount: 'Infinity' }, refusal: wrong('amount', 'text "Infinity"', amount) },
  { it: '-Infinity as text', row: { amount: '-Infinity' }, refusal: wrong('amount', 'text "-Infinity"', amount) },
  { it: 'empty text', row: { amount: '' }, refusal: wrong('amount', 'text ""', amount) },
  { it: 'long text, which is not sent back', row: { amount: 'x'.repeat(500) }, refusal: wrong('amount', 'text of 500 characters', amount) },
  { it: 'true for a number', row: { amount: true }, refusal: wrong('amount', 'true', amount) },
  { it: 'a list for a number', row: { amount: [1] }, refusal: wrong('amount', 'a list of 1', amount) },
  { it: 'a number in an unknown unit', row: { amount: { value: 1, unit: 'USD' } }, refusal: wrong('amount', '{"value":1,"unit":"USD"}', amount) },
  { it: 'a number below the range', row: { amount: 0 }, refusal: wrong('amount', '0', amount) },
  { it: 'a number above the range', row: { amount: 50_000.01 }, refusal: wrong('amount', '50000.01', amount) },
  {
    it: 'a number above the range after its unit',
    row: { amount: { value: 5_000_001, unit: 'cent' } },
    refusal: wrong('amount', '{"value":5000001,"unit":"cent"}', amount),
  },
  { it: 'a fraction for an integer', row: { hour: 12.5 }, refusal: wrong('hour', '12.5', hour) },
  { it: 'a timestamp without an offset', row: { hour: '2026-05-01T10:00:00' }, refusal: wrong('hour', 'text "2026-05-01T10:00:00"', hour) },
  {
    it: 'null where a value is required',
    row: { amount: null },
    refusal: contractViolation(violation('#/inputs/0/amount', 'must not be null', { got: 'null', ...amount })),
  },
  {
    it: 'a missing field',
    row: { amount: undefined },
    refusal: contractViolation(violation('#/inputs/0/amount', 'is missing', { got: 'nothing', ...amount })),
  },
];

const rowCases = [
  { it: 'null', row: null, got: 'null' },
  { it: 'a number', row: 42, got: '42' },
  { it: 'text', row: 'row', got: 'text "row"' },
  { it: 'a list', row: [1, 2], got: 'a list of 2' },
];

const rowCount = (got: number, expected: string) =>
  contractViolation(violation('#/inputs', 'has a wrong number of rows', { got: String(got), expected, unit: 'rows' }));

const documentCases: readonly FieldCase[] = [
  { it: 'an unknown field', row: { clicks: 3 }, refusal: unknownField('#/inputs/7/clicks') },
  {
    it: 'a rate above 1',
    row: { ctr_7d: 1.2 },
    refusal: contractViolation(violation('#/inputs/7/ctr_7d', 'breaks the contract', { got: '1.2', expected: 'a finite number from 0 to 1', unit: '1' })),
  },
  {
    it: 'a rating below 1 star',
    row: { rating_mean: 0.5 },
    refusal: contractViolation(
      violation('#/inputs/7/rating_mean', 'breaks the contract', { got: '0.5', expected: 'a finite number from 1 to 5 or null', unit: 'stars' }),
    ),
  },
  { it: 'an id that is no text', row: { doc_id: 7 }, refusal: contractViolation({ pointer: '#/inputs/7/doc_id', got: '7' }) },
  {
    it: 'an id that is null',
    row: { query_id: null },
    refusal: contractViolation({ pointer: '#/inputs/7/query_id', got: 'null', detail: 'must not be null' }),
  },
];

describe('a gateway', { shuffle: false }, () => {
  describe('refuses a transaction with', () => {
    test.each(transactionCases)('$it', ({ row, refusal }) => refusesInputs('card-fraud', [{ ...transaction, ...row }], refusal));

    test('1e999, which is no finite number', async () => {
      const body = JSON.stringify({ model: 'card-fraud', inputs: [{ ...transaction, amount: 'here' }] });
      await refuses({ body: body.replace('"here"', '1e999') }, wrong('amount', 'Infinity', amount));
      await refuses({ body: body.replace('"here"', '-1e999') }, wrong('amount', '-Infinity', amount));
      await refuses({ body: body.replace('"here"', 'NaN') }, malformed());
    });

    test('lists and objects a hundred thousand deep', async () => {
      const body = JSON.stringify({ model: 'card-fraud', inputs: [{ ...transaction, amount: 'here' }] });
      await refuses({ body: body.replace('"here"', `${'['.repeat(100_000)}${']'.repeat(100_000)}`) }, wrong('amount', 'a list of 1', amount));
      await refuses({ body: body.replace('"here"', `${'{"a":'.repeat(100_000)}1${'}'.repeat(100_000)}`) }, wrong('amount', 'an object', amount));
    });

    test('a field named __proto__', () => {
      const body = JSON.stringify({ model: 'card-fraud', inputs: [{ ...transaction, here: 1 }] }).replace('"here"', '"__proto__"');
      return refuses({ body }, unknownField('#/inputs/0/__proto__'));
    });

    test('many faults, all listed at once', () =>
      refusesInputs(
        'card-fraud',
        [transaction, { ...transaction, amount: -1, hour: 24, colour: 'red' }, { ...transaction, is_night: null }],
        contractViolation(
          { pointer: '#/inputs/1/colour' },
          { pointer: '#/inputs/1/amount', got: '-1' },
          { pointer: '#/inputs/1/hour', got: '24' },
          { pointer: '#/inputs/2/is_night', got: 'null' },
        ),
      ));

    test('more unknown fields than an answer lists, all counted', async () => {
      const unknown = () => gateway.metric(/^gateway_contract_violations_total\{.*rule="unknown"\}/);
      const before = await unknown();
      const extra = Object.fromEntries(Array.from({ length: 5_000 }, (_, index) => [`f${index}`, 1]));
      await refusesInputs('card-fraud', [{ ...transaction, ...extra }], {
        status: 400,
        type: 'contract-violation',
        detail: /in 5000 places, of which the first 1000 are listed/,
      });
      expect((await unknown()) - before).toBe(5_000);
    });

    test.each(rowCases)('$it in place of a row', ({ row, got }) =>
      refusesInputs(
        'card-fraud',
        [transaction, row],
        contractViolation(violation('#/inputs/1', 'is not a row', { got, expected: 'an object of named fields' })),
      ),
    );

    test('the fields of the candidate only', async () => {
      const [row = {}] = await goldenRows('card-fraud', ['2.0.0'], '01-ordinary-purchase.json');
      const missing = ['count_1d', 'count_7d', 'count_30d', 'mean_1d', 'mean_7d'].map((field) => `cust_${field}`);
      missing.push(...['count_1d', 'count_7d', 'count_30d', 'risk_7d', 'risk_30d'].map((field) => `term_${field}`));
      await refusesInputs(
        'card-fraud',
        [row],
        contractViolation(...missing.map((field) => ({ pointer: `#/inputs/0/${field}`, detail: 'is missing', got: 'nothing' }))),
      );
    });

    test('no rows', () => refusesInputs('card-fraud', [], rowCount(0, '1 to 64')));
    test('more rows than its budget', () => refusesInputs('card-fraud', Array(65).fill(transaction), rowCount(65, '1 to 64')));
  });

  describe('refuses documents to rank with', () => {
    test.each(documentCases)('$it', ({ row, refusal }) =>
      refusesInputs(
        'search-ranker',
        documents.map((document, index) => (index === 7 ? { ...document, ...row } : document)),
        refusal,
      ),
    );

    test('no rows', () => refusesInputs('search-ranker', [], rowCount(0, '1 to 200')));
    test('more rows than its budget', () => refusesInputs('search-ranker', Array(201).fill(documents[0]), rowCount(201, '1 to 200')));
  });

  describe('refuses an image that', () => {
    const expected = 'a base64-encoded image of 16 to 11184812 characters';
    const unreadable = (row: number, got: string | RegExp) =>
      contractViolation({ pointer: `#/inputs/${row}/image`, detail: 'cannot be read', got: expect.stringMatching(got) as string });
    const base64 = (bytes: Uint8Array | string) => Buffer.from(bytes).toString('base64');
    const isImage = /^\d+ bytes that are no such image$/;
    const isBase64 = /^\d+ characters that are not base64$/;

    test.each([
      { it: 'is missing', image: undefined, detail: 'is missing', got: 'nothing' },
      { it: 'is null', image: null, detail: 'must not be null', got: 'null' },
      { it: 'is a number', image: 7, detail: 'breaks the contract', got: '7' },
      { it: 'is a list of bytes', image: [255, 216], detail: 'breaks the contract', got: 'a list of 2' },
      { it: 'is empty', image: '', detail: 'breaks the contract', got: 'text ""' },
    ])('$it', ({ image, detail, got }) =>
      refusesInputs('photo-classifier', [{ image }], contractViolation(violation('#/inputs/0/image', detail, { got, expected, unit: 'none' }))),
    );

    test.each([
      { it: 'is truncated', image: () => photo.slice(0, 4 * Math.floor(photo.length / 6)), got: /^an image that is truncated or damaged$/ },
      { it: 'has only a header', image: () => photo.slice(0, 32), got: isImage },
      { it: 'is plain text', image: () => base64('this is no image, not even nearly one'), got: isImage },
      { it: 'is random-looking bytes', image: () => base64(Buffer.alloc(3_000, 'q7!')), got: isImage },
      { it: 'is an SVG', image: () => base64('<svg xmlns="http://www.w3.org/2000/svg" width="300" height="300"/>'), got: isImage },
      { it: 'is a GIF', image: () => base64(Buffer.concat([Buffer.from('GIF89a'), Buffer.alloc(40)])), got: isImage },
      { it: 'has an odd number of base64 characters', image: () => photo.slice(0, -1), got: isBase64 },
      { it: 'has characters that are no base64', image: () => `${photo.slice(0, 40)}!!!!${photo.slice(44)}`, got: isBase64 },
      { it: 'is a data URL', image: () => `data:image/jpeg;base64,${photo}`, got: isBase64 },
      { it: 'is in base64url', image: () => photo.replaceAll('+', '-').replaceAll('/', '_'), got: isBase64 },
      { it: 'becomes 400 million pixels', image: () => bomb, got: /^20000 x 20000 pixels$/ },
    ])('$it', ({ image, got }) => refusesInputs('photo-classifier', [{ image: image() }], unreadable(0, got)));

    test('is the second of two', () => refusesInputs('photo-classifier', [{ image: photo }, { image: photo.slice(0, 32) }], unreadable(1, isImage)));
    test('is the fifth of four', () => refusesInputs('photo-classifier', Array(5).fill({ image: photo }), rowCount(5, '1 to 4')));
  });

  describe('refuses an envelope that', () => {
    test.each([
      { it: 'is a list', body: [], refusal: malformed() },
      { it: 'is null', body: null, refusal: malformed() },
      { it: 'is text', body: 'card-fraud', refusal: malformed() },
      {
        it: 'is empty',
        body: {},
        refusal: malformed({ pointer: '#/model', detail: 'is missing', got: 'nothing' }, { pointer: '#/inputs', detail: 'is missing' }),
      },
      {
        it: 'has a model that is no text',
        body: { model: 7, inputs: [] },
        refusal: malformed({ pointer: '#/model', got: 'number', expected: 'the name of a model' }),
      },
      {
        it: 'has a version that is no text',
        body: { model: 'card-fraud', version: 2, inputs: [] },
        refusal: malformed({ pointer: '#/version', got: 'number' }),
      },
      {
        it: 'has an id that is too long',
        body: { model: 'card-fraud', id: 'i'.repeat(129), inputs: [] },
        refusal: malformed({ pointer: '#/id', got: 'string' }),
      },
      {
        it: 'has one row in place of a list',
        body: { model: 'card-fraud', inputs: {} },
        refusal: malformed({ pointer: '#/inputs', got: 'object', expected: 'a list of rows' }),
      },
      {
        it: 'has unknown fields',
        body: { model: 'card-fraud', inputs: [], input: [], 'a/b': null },
        refusal: malformed({ pointer: '#/input', got: 'a list', expected: 'no such field' }, { pointer: '#/a~1b', got: 'null', expected: 'no such field' }),
      },
      { it: 'names no model', body: { model: '', inputs: [{}] }, refusal: { status: 404, type: 'model-not-found' } },
      { it: 'names an unknown model', body: { model: 'card-frauds', inputs: [{}] }, refusal: { status: 404, type: 'model-not-found', detail: /card-frauds/ } },
      { it: 'names what every object inherits', body: { model: 'constructor', inputs: [{}] }, refusal: { status: 404, type: 'model-not-found' } },
      {
        it: 'pins an unknown version',
        body: { model: 'card-fraud', version: '9.9.9', inputs: [{}] },
        refusal: { status: 404, type: 'version-not-found', detail: /9\.9\.9.*has (1\.4\.0, 2\.0\.0|2\.0\.0, 1\.4\.0)/ },
      },
    ] satisfies readonly { it: string; body: unknown; refusal: Refusal }[])('$it', ({ body, refusal }) => refuses({ body: JSON.stringify(body) }, refusal));
  });

  describe('refuses a body that', () => {
    const good = () => JSON.stringify({ model: 'card-fraud', inputs: [transaction] });
    const tooLarge = { status: 413, type: 'request-too-large', detail: /at most 1000000/ };
    const unsupported = { status: 415, type: 'unsupported-media-type' };

    test.each([
      { it: 'is plain text by its type', headers: { 'content-type': 'text/plain' } },
      { it: 'is a form by its type', headers: { 'content-type': 'application/x-www-form-urlencoded' } },
      { it: 'has a type that only begins with JSON', headers: { 'content-type': 'application/json-seq' } },
      { it: 'has an empty type', headers: { 'content-type': '' } },
      { it: 'is compressed', headers: { 'content-encoding': 'gzip' } },
    ])('$it', ({ headers }) => refuses({ body: good(), headers }, unsupported));

    test.each([
      { it: 'is empty', body: '' },
      { it: 'is cut off', body: '{"model":"card-fraud","inputs":[{"amount":4' },
      { it: 'has a trailing comma', body: '{"model":"card-fraud","inputs":[],}' },
      { it: 'is two documents', body: '{}{}' },
      { it: 'begins with a byte order mark', body: '\uFEFF{}' },
      { it: 'is not UTF-8', body: Buffer.concat([Buffer.from('{"model":"'), Buffer.from([0xc3, 0x28]), Buffer.from('","inputs":[]}')]) },
      { it: 'is UTF-16', body: Buffer.from('{"model":"card-fraud"}', 'utf16le') },
    ])('$it', ({ body }) => refuses({ body }, malformed()));

    test('declares more bytes than the limit, before they are sent', async () => {
      const held = hold({ url: gateway.url, headers: traced, body: 'x'.repeat(maxBodyBytes + 1) });
      expectRefusal(await held.answer, tooLarge);
      held.abandon();
    });

    test('has one byte more than the limit', () => refuses({ body: 'x'.repeat(maxBodyBytes + 1) }, tooLarge));
    test('has more bytes than the limit and declares nothing', () => refuses({ body: 'x'.repeat(maxBodyBytes + 1), chunked: true }, tooLarge));
    test('has just as many bytes as the limit, but no JSON', () => refuses({ body: 'x'.repeat(maxBodyBytes), chunked: true }, malformed()));
  });

  describe('refuses the timeout', () => {
    test.each([
      ['x-request-timeout-ms', 'soon'],
      ['x-request-timeout-ms', '0'],
      ['x-request-timeout-ms', '-5'],
      ['x-request-timeout-ms', '1.5'],
      ['x-request-timeout-ms', '1e3'],
      ['x-request-timeout-ms', '10000000000'],
      ['x-envoy-expected-rq-timeout-ms', 'never'],
      ['grpc-timeout', '5'],
      ['grpc-timeout', '5s'],
      ['grpc-timeout', '123456789m'],
    ])('%s: %s', (name, value) =>
      refuses(
        { body: JSON.stringify({ model: 'card-fraud', inputs: [transaction] }), headers: { [name]: value } },
        { ...malformed(), detail: new RegExp(`^${name}: got "${value}"`) },
      ),
    );
  });

  describe('refuses the path', () => {
    test.each(['GET', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])('/infer by %s', async (method) => {
      const answer = await send({ url: gateway.url, method, headers: { ...asJson, ...traced } });
      expectRefusal(answer, { status: 405, type: 'method-not-allowed' });
      expect(answer.headers.allow).toBe('POST');
    });

    test.each([
      ['POST', '/'],
      ['POST', '/infer/'],
      ['POST', '/INFER'],
      ['POST', '/infer/card-fraud'],
      ['GET', '/nothing'],
      ['GET', '/rollouts/card-fraud'],
      ['GET', '/metrics'],
      ['GET', '/%E0%A4%A'],
      ['GET', '/../../package.json'],
      ['POST', '/models/rescan'],
    ])('%s %s', (method, path) => refuses({ method, path, ...(method === 'POST' ? { body: '{}' } : {}) }, { status: 404, type: 'not-found' }, 0));
  });

  test('a request id that is none is not sent back', async () => {
    const { headers, body } = await send({ url: gateway.url, headers: { ...asJson, 'x-request-id': 'two words' }, body: '{}' });
    expect(headers['x-request-id']).toMatch(/^[0-9a-f-]{36}$/);
    expect(body.instance).toBe(headers['x-request-id']);
    expect(body.traceId).toMatch(/^[0-9a-f]{32}$/);
  });

  test('a connection serves a good request after a refused body', async () => {
    const tooMuch = await send({ url: gateway.url, headers: asJson, body: 'x'.repeat(maxBodyBytes + 1), chunked: true });
    const { status } = await gateway.infer({ model: 'card-fraud', inputs: [transaction] });
    expect([tooMuch.status, status]).toEqual([413, 200]);
  });

  test.each([
    { model: 'card-fraud', version: '1.4.0', file: '09-three-rows.json' },
    { model: 'card-fraud', version: '2.0.0', file: '09-three-rows.json' },
    { model: 'search-ranker', version: '1.2.0', file: '01-twenty-documents.json' },
    { model: 'photo-classifier', version: '1.0.0', file: '01-coffee.json' },
  ])('afterwards the same processes give the golden answer of $model $version', async ({ model, version, file }) => {
    const { status, body } = await gateway.infer({ model, version, inputs: await goldenRows(model, [version], file) });
    const expected = await goldenOutputs(model, version, file);
    expect(status).toBe(200);
    expect(body.outputs).toEqual(near(expected, model === 'photo-classifier' ? 0.02 : 1e-5));
    expect(process.kill(gateway.pid, 0)).toBe(true);
    expect(await photoWorker()).toBe(workerPid);
    expect(await gateway.metric(/^gateway_worker_restarts_total/)).toBe(0);
    expect(gateway.log().filter(({ level }) => level === 'error')).toEqual([]);
  });
});

/** The value with every number replaced by a matcher of what is within `tolerance` of it. */
function near(value: unknown, tolerance: number): unknown {
  if (typeof value === 'number') return expect.toSatisfy((got: number) => Math.abs(got - value) <= tolerance, `within ${tolerance} of ${value}`);
  if (Array.isArray(value)) return value.map((entry) => near(entry, tolerance));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, near(entry, tolerance)]));
}
