/** The Open Inference Protocol on the data port: every call, JSON and binary tensors, the same spine as `/infer`. */
import { deflateSync, gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Datatype, datatypes } from '../../src/bundle/datatype.ts';
import { numericArrays } from '../../src/data-plane/contract/tensor.ts';
import { deliver, goldenOutputs, goldenRows, makeTeamFolders, plan, type TeamFolders } from '../support/bundles.ts';
import { deliverEcho } from '../support/echo-bundle.ts';
import { type GatewayProcess, startGateway } from '../support/gateway.ts';
import { ask, bytesOf, elements, framed, type ProtocolAnswer } from '../support/protocol.ts';

const ordinary = '01-ordinary-purchase.json';
let folders: TeamFolders;
let gateway: GatewayProcess;
/** The graph's own row of the golden case, in the contract's order. */
let features: readonly number[];
let probability: number;

const card = '/v2/models/card-fraud/infer';
const get = (path: string): Promise<ProtocolAnswer> => ask({ url: gateway.url, path, method: 'GET' });
const post = (
  body: unknown,
  { path = card, headers = {} }: { readonly path?: string; readonly headers?: Record<string, string> } = {},
): Promise<ProtocolAnswer> => ask({ url: gateway.url, path, body: JSON.stringify(body), headers });
const jsonInput = (data: readonly unknown[] = features, shape: readonly number[] = [1, 17]) => ({ name: 'features', shape, datatype: 'FP32', data });
const binaryInput = (size = 4 * 17) => ({ name: 'features', shape: [1, 17], datatype: 'FP32', parameters: { binary_data_size: size } });
const floats = () => bytesOf(Float32Array.from(features));

beforeAll(async () => {
  folders = await makeTeamFolders();
  // The bundles' own deadline is 250 ms; a busy test machine needs more, and nothing here is about speed.
  const edit = { file: 'handoff.yaml', change: (text: string) => text.replace(/deadlineMs: \d+/, 'deadlineMs: 5000') };
  for (const version of ['1.4.0', '2.0.0']) await deliver(folders, { from: { model: 'card-fraud', version }, edit });
  await plan(folders, { model: 'card-fraud', baseline: '1.4.0', candidate: '2.0.0' });
  await deliver(folders, { from: { model: 'search-ranker', version: '1.2.0' } });
  await deliver(folders, { from: { model: 'photo-classifier', version: '1.0.0' } });
  await deliverEcho(folders);
  gateway = await startGateway(folders);
  const { body } = await gateway.admin('GET', '/models/card-fraud/1.4.0');
  const [row = {}] = await goldenRows('card-fraud', ['1.4.0'], ordinary);
  const { inputs } = body.contract as { readonly inputs: readonly { readonly fields: readonly { readonly name: string }[] }[] };
  features = (inputs[0]?.fields ?? []).map(({ name }) => Number(row[name]));
  probability = Number((await goldenOutputs('card-fraud', '1.4.0', ordinary))[0]?.fraud_probability);
});

afterAll(async () => {
  await gateway.end('SIGKILL');
  await folders.remove();
});

describe('health and metadata', () => {
  test.each([
    ['/v2/health/live', { live: true }],
    ['/v2/health/ready', { live: true, ready: true }],
    ['/v2', { name: 'handoff', version: '0.1.0', extensions: ['binary_tensor_data', 'parameters'] }],
    ['/v2/', { name: 'handoff', version: '0.1.0', extensions: ['binary_tensor_data', 'parameters'] }],
    ['/v2/models/card-fraud/ready', { name: 'card-fraud', ready: true }],
    ['/v2/models/card-fraud/versions/2.0.0/ready', { name: 'card-fraud', ready: true }],
  ])('GET %s', async (path, expected) => {
    const { status, headers, json } = await get(path);
    expect({ status, json, type: headers['content-type'] }).toEqual({ status: 200, json: expected, type: 'application/json' });
  });

  test('the metadata of a model is that of its graph, with the fields that the bundle derives', async () => {
    const expected = {
      name: 'card-fraud',
      versions: ['1.4.0', '2.0.0'],
      platform: 'onnx_onnxv1',
      inputs: [{ name: 'features', datatype: 'FP32', shape: [-1, 17] }],
      outputs: [
        { name: 'fraud_probability', datatype: 'FP32', shape: [-1, 1] },
        { name: 'flagged', datatype: 'BOOL', shape: [-1] },
      ],
    };
    expect((await get('/v2/models/card-fraud')).json).toEqual({ ...expected, versions: expect.arrayContaining(expected.versions) });
  });

  test('an image is one encoded file a row', async () => {
    expect((await get('/v2/models/photo-classifier')).json.inputs).toEqual([{ name: 'images', datatype: 'BYTES', shape: [-1] }]);
  });

  test.each([
    ['/v2/models/nobody', 404],
    ['/v2/models/nobody/ready', 404],
    ['/v2/models/card-fraud/versions/9.9.9', 404],
    ['/v2/models/card-fraud/config', 404],
    ['/v2/models/card-fraud/stats', 404],
    ['/v2/models/%E0%A4%A', 400],
    [card, 405],
  ])('GET %s is refused in the words of the protocol', async (path, expected) => {
    const { status, headers, json } = await get(path);
    expect({ status, type: headers['content-type'], error: typeof json.error }).toEqual({ status: expected, type: 'application/json', error: 'string' });
  });
});

describe('inference', () => {
  test('JSON tensors are answered with the golden values, the id and what the gateway decided', async () => {
    const { status, headers, json } = await post({ id: 'mine', inputs: [jsonInput()] });
    expect({ status, type: headers['content-type'], version: headers['x-handoff-version'] }).toEqual({
      status: 200,
      type: 'application/json',
      version: '1.4.0',
    });
    expect(json).toEqual({
      model_name: 'card-fraud',
      model_version: '1.4.0',
      id: 'mine',
      parameters: { prediction_id: expect.any(String), arm: 'baseline', rescued: false },
      outputs: [
        { name: 'fraud_probability', datatype: 'FP32', shape: [1, 1], data: [expect.closeTo(probability, 6)] },
        { name: 'flagged', datatype: 'BOOL', shape: [1], data: [false] },
      ],
    });
  });

  test('nested lists are the same as flat ones', async () => {
    const [flat, nested] = await Promise.all([post({ inputs: [jsonInput()] }), post({ inputs: [jsonInput([features])] })]);
    expect(nested.json.outputs).toEqual(flat.json.outputs);
  });

  test('the decimals of a 32-bit float hold the contract that their short form holds', async () => {
    // 45.5 is kept, 0.5361 and 109.04 are not: as doubles the floats have more digits than the contract's steps.
    expect((await post({ inputs: [jsonInput([...Float32Array.from(features)])] })).status).toBe(200);
  });

  test('binary tensors are answered as they are asked for', async () => {
    const outputs = [{ name: 'fraud_probability', parameters: { binary_data: true } }, { name: 'flagged' }];
    const { json, binary, headers } = await ask({ url: gateway.url, path: card, ...framed({ inputs: [binaryInput()], outputs }, floats()) });
    expect(headers['content-type']).toBe('application/octet-stream');
    expect(json.outputs).toEqual([
      { name: 'fraud_probability', datatype: 'FP32', shape: [1, 1], parameters: { binary_data_size: 4 } },
      { name: 'flagged', datatype: 'BOOL', shape: [1], data: [false] },
    ]);
    expect(binary.readFloatLE(0)).toBeCloseTo(probability, 6);
  });

  test('a request may ask for all outputs as binary data, and for one as JSON', async () => {
    const body = {
      parameters: { binary_data_output: true },
      inputs: [jsonInput()],
      outputs: [{ name: 'flagged' }, { name: 'fraud_probability', parameters: { binary_data: false } }],
    };
    const { json, binary } = await post(body);
    expect(json.outputs?.map(({ name, data }) => [name, data === undefined])).toEqual([
      ['flagged', true],
      ['fraud_probability', false],
    ]);
    expect([...binary]).toEqual([0]);
  });

  test('a raw request is one row, answered in binary', async () => {
    const { status, json, binary } = await ask({ url: gateway.url, path: card, body: floats(), headers: { 'inference-header-content-length': '0' } });
    expect({ status, shapes: json.outputs?.map(({ shape }) => shape) }).toEqual({ status: 200, shapes: [[1, 1], [1]] });
    expect(binary.readFloatLE(0)).toBeCloseTo(probability, 6);
  });

  test.each([
    ['gzip', gzipSync],
    ['deflate', deflateSync],
  ])('a body may be %s; its length header counts what comes out', async (encoding, compress) => {
    const { headers, body } = framed({ inputs: [binaryInput()] }, floats());
    const { status } = await ask({ url: gateway.url, path: card, headers: { ...headers, 'content-encoding': encoding }, body: compress(body) });
    expect(status).toBe(200);
  });

  test('a body that is too large when it is inflated is refused', async () => {
    const bomb = gzipSync(Buffer.alloc(64 * 2 ** 20));
    const { status, json } = await ask({ url: gateway.url, path: card, headers: { 'content-encoding': 'gzip' }, body: bomb });
    expect({ status, error: json.error }).toEqual({ status: 413, error: expect.stringContaining('when it is inflated') });
  });

  test('a version in the path pins it', async () => {
    const { json, headers } = await post({ inputs: [jsonInput()] }, { path: '/v2/models/card-fraud/versions/1.4.0/infer' });
    expect(json).toMatchObject({ model_version: '1.4.0', parameters: { rescued: false } });
    expect((json.parameters as Record<string, unknown>).arm).toBeUndefined();
    expect(headers['x-handoff-arm']).toBe('none');
  });

  test('ids travel from the inputs to the outputs', async () => {
    const rows = await goldenRows('search-ranker', ['1.2.0'], '02-single-document.json');
    const { body } = await gateway.admin('GET', '/models/search-ranker/1.2.0');
    const { inputs } = body.contract as { readonly inputs: readonly { readonly fields: readonly { readonly name: string }[] }[] };
    const data = (inputs[0]?.fields ?? []).map(({ name }) => rows[0]?.[name]);
    const ids = ['query_id', 'doc_id'].map((name) => ({ name, datatype: 'BYTES', shape: [1], data: [rows[0]?.[name]] }));
    const { json } = await post({ inputs: [{ name: 'features', datatype: 'FP32', shape: [1, 18], data }, ...ids] }, { path: '/v2/models/search_ranker/infer' });
    expect(json.model_name).toBe('search_ranker');
    expect(json.outputs?.slice(1).map(({ data: values }) => values?.[0])).toEqual([rows[0]?.query_id, rows[0]?.doc_id]);
  });

  test('an image is its file, as bytes or as base64 text', async () => {
    const [row] = await goldenRows('photo-classifier', ['1.0.0'], '01-coffee.json');
    const base64 = String(row?.image);
    const path = '/v2/models/photo-classifier/infer';
    const outputs = [{ name: 'top' }, { name: 'abstained' }];
    const text = await post({ inputs: [{ name: 'images', datatype: 'BYTES', shape: [1], data: [base64] }], outputs }, { path });
    const file = elements(Buffer.from(base64, 'base64'));
    const asBytes = framed({ inputs: [{ name: 'images', datatype: 'BYTES', shape: [1], parameters: { binary_data_size: file.length } }], outputs }, file);
    const bytes = await ask({ url: gateway.url, path, ...asBytes });
    const raw = await ask({ url: gateway.url, path, body: Buffer.from(base64, 'base64'), headers: { 'inference-header-content-length': '0' } });
    expect(text.status).toBe(200);
    expect(JSON.parse(String(text.json.outputs?.[0]?.data?.[0]))).toHaveLength(3);
    expect(bytes.json.outputs).toEqual(text.json.outputs);
    expect(raw.json.outputs?.[0]).toMatchObject({ name: 'probabilities', datatype: 'FP32', shape: [1, 1000], parameters: { binary_data_size: 4_000 } });
  });
});

describe('every datatype', () => {
  /** Values that have no smaller datatype. */
  const largest: Readonly<Record<Exclude<Datatype, 'BYTES'>, number | bigint>> = {
    BOOL: 1,
    UINT8: 255,
    UINT16: 65_535,
    UINT32: 2 ** 32 - 1,
    UINT64: 2n ** 64n - 1n,
    INT8: -128,
    INT16: -32_768,
    INT32: -(2 ** 31),
    INT64: -(2n ** 63n),
    FP16: 65_504,
    FP32: 3.4028234663852886e38,
    FP64: 1e300,
  };
  const samples = (datatype: Exclude<Datatype, 'BYTES'>) => {
    const data = new numericArrays[datatype](6);
    const wide = typeof data[0] === 'bigint';
    for (const index of [0, 1, 2, 3, 4]) Reflect.set(data, index, wide ? BigInt(index) : index % (datatype === 'BOOL' ? 2 : 5));
    Reflect.set(data, 5, largest[datatype]);
    return data;
  };
  const texts = ['', 'a', 'é', 'two words', 'x'.repeat(300), '日本'];
  const bytes = () => datatypes.map((datatype) => (datatype === 'BYTES' ? elements(...texts) : bytesOf(samples(datatype))));

  test('goes through the gateway bit by bit as binary data', async () => {
    const inputs = datatypes.map((datatype, index) => ({
      name: `in_${datatype}`,
      datatype,
      shape: [2, 3],
      parameters: { binary_data_size: bytes()[index]?.length },
    }));
    const { status, json, binary } = await ask({
      url: gateway.url,
      path: '/v2/models/echo/infer',
      ...framed({ parameters: { binary_data_output: true }, inputs }, ...bytes()),
    });
    expect({ status, error: json.error }).toEqual({ status: 200, error: undefined });
    expect(json.outputs?.map(({ datatype, shape }) => [datatype, shape])).toEqual(datatypes.map((datatype) => [datatype, [2, 3]]));
    expect(binary.equals(Buffer.concat(bytes()))).toBe(true);
  });

  test('goes through the gateway as JSON, but for FP16 and what JSON cannot say', async () => {
    const values = (datatype: Datatype): readonly unknown[] => {
      if (datatype === 'BYTES') return texts;
      if (datatype === 'BOOL') return [true, false, true, true, false, false];
      return datatype.endsWith('64') ? [0, 1, 2, 3, 4, 2 ** 53 - 1] : [...(samples(datatype) as Float32Array)];
    };
    const half = bytesOf(samples('FP16'));
    const inputs = datatypes.map((datatype) =>
      datatype === 'FP16'
        ? { name: 'in_FP16', datatype, shape: [2, 3], parameters: { binary_data_size: half.length } }
        : { name: `in_${datatype}`, datatype, shape: [2, 3], data: values(datatype) },
    );
    const asked = datatypes.filter((datatype) => datatype !== 'FP16');
    const outputs = asked.map((datatype) => ({ name: `out_${datatype}` }));
    const { status, json } = await ask({ url: gateway.url, path: '/v2/models/echo/infer', ...framed({ inputs, outputs }, half) });
    expect({ status, error: json.error }).toEqual({ status: 200, error: undefined });
    expect(json.outputs?.map(({ data }) => data)).toEqual(asked.map(values));
    const { json: refused, status: code } = await ask({
      url: gateway.url,
      path: '/v2/models/echo/infer',
      ...framed({ inputs, outputs: [{ name: 'out_FP16' }] }, half),
    });
    expect({ code, error: refused.error }).toEqual({ code: 400, error: expect.stringContaining('no JSON form of FP16') });
  });
});

describe('what is wrong', () => {
  const wrong: readonly (readonly [string, unknown, RegExp])[] = [
    ['no inputs', {}, /inputs: got nothing, expected a list of tensors/],
    ['another input', { inputs: [{ ...jsonInput(Array(17).fill(1)), name: 'other' }] }, /inputs\[0\].name: got "other", expected an input of the model/],
    [
      'another datatype',
      { inputs: [{ name: 'features', shape: [1, 17], datatype: 'FP64', data: Array(17).fill(1) }] },
      /inputs\[0\].datatype: got FP64, expected FP32/,
    ],
    [
      'an unknown datatype',
      { inputs: [{ name: 'features', shape: [1, 17], datatype: 'BF16', data: [] }] },
      /inputs\[0\].datatype: got "BF16", expected one of/,
    ],
    ['another width', { inputs: [jsonInput([1, 2, 3], [1, 3])] }, /inputs\[0\].shape: got \[1, 3\], expected \[-1, 17\]/],
    ['too few values', { inputs: [jsonInput([1, 2, 3], [1, 17])] }, /inputs\[0\].data: got 3 values, expected 17/],
    ['too many rows', { inputs: [jsonInput(Array(17 * 65).fill(1), [65, 17])] }, /got 65 rows, expected 1 to 64/],
    ['no rows', { inputs: [jsonInput([], [0, 17])] }, /got 0 rows/],
    ['a size that is none', { inputs: [jsonInput([1], [1, -17])] }, /inputs\[0\].shape\[1\]: got -17, expected a whole number of at least 0/],
    ['more sizes than a tensor has', { inputs: [jsonInput([[[1]]], Array(4_000).fill(1))] }, /inputs\[0\].shape: got 4000 sizes, expected at most 32/],
    ['a size beyond all', { inputs: [jsonInput([1], [2 ** 40, 2 ** 40])] }, /expected a size that a message can have/],
    ['text for a number', { inputs: [jsonInput([...Array(16).fill(1), 'x'])] }, /inputs\[0\].data\[16\]: got text of 1 characters, expected a finite number/],
    ['a value out of its range', { inputs: [jsonInput([-1, ...Array(16).fill(0)])] }, /First: inputs\[0\].data\[0\] amount breaks the contract: got -1/],
    ['both forms of data', { inputs: [{ ...jsonInput([1]), parameters: { binary_data_size: 4 } }] }, /got both, expected either data or/],
    ['an unknown output', { inputs: [jsonInput([1])], outputs: [{ name: 'nothing' }] }, /inputs\[0\].data: got 1 values/],
    ['a sequence', { parameters: { sequence_id: 1 }, inputs: [jsonInput([1])] }, /sequences are not supported/],
  ];

  test.each(wrong)('%s', async (_, body, error) => {
    const { status, headers, json } = await post(body);
    expect(json.error).toMatch(error);
    expect(headers['content-type']).toBe('application/json');
    expect(status === 400 || status === 501).toBe(true);
  });

  test('a shape that is deeper than can be written', async () => {
    const deep = `${'['.repeat(20_000)}${']'.repeat(20_000)}`;
    const body = `{"inputs":[{"name":"features","datatype":"FP32","shape":${deep},"data":[1]}]}`;
    const { status, json } = await ask({ url: gateway.url, path: card, body });
    expect({ status, error: json.error }).toEqual({ status: 400, error: 'inputs[0].shape[0]: got a list of 1, expected a whole number of at least 0.' });
  });

  test('an output that the model does not have is refused before anything is computed', async () => {
    const { status, json } = await post({ inputs: [jsonInput()], outputs: [{ name: 'nothing' }] });
    expect({ status, error: json.error }).toEqual({ status: 400, error: 'outputs[0].name: got "nothing", expected fraud_probability, flagged.' });
  });

  test('a text that the runtime would cut short', async () => {
    const inputs = datatypes.map((datatype) => ({
      name: `in_${datatype}`,
      datatype,
      shape: [1, 3],
      data: datatype === 'BYTES' ? ['a', 'zero\0byte', 'b'] : [0, 1, 1],
    }));
    const half = Buffer.alloc(6);
    const asked = inputs.map((input) =>
      input.datatype === 'FP16' ? { name: input.name, datatype: 'FP16', shape: [1, 3], parameters: { binary_data_size: 6 } } : input,
    );
    const { status, json } = await ask({
      url: gateway.url,
      path: '/v2/models/echo/infer',
      ...framed({ parameters: { binary_data_output: true }, inputs: asked }, half),
    });
    expect({ status, error: json.error }).toEqual({ status: 400, error: expect.stringContaining('text without NUL') });
  });

  test('an id that the contract demands', async () => {
    const { json } = await post(
      { inputs: [{ name: 'features', datatype: 'FP32', shape: [1, 18], data: Array(18).fill(0) }] },
      { path: '/v2/models/search-ranker/infer' },
    );
    expect(json.error).toMatch(/query_id is missing|in \d+ places/);
  });
});

describe('a rollout', { shuffle: false }, () => {
  test('asks for its key in the header or in the parameters, and both lead to one arm', async () => {
    await gateway.admin('PUT', '/rollouts/card-fraud/weight', { weight: 50, reason: 'a test' });
    const names = (await goldenRows('card-fraud', ['2.0.0'], ordinary))[0] ?? {};
    // The candidate's own fields, one tensor each: so the request satisfies both versions.
    const extra = Object.entries(names).map(([name, value]) => ({ name, datatype: 'FP64', shape: [1], data: [Number(value)] }));
    const known = (await gateway.admin('GET', '/models/card-fraud/1.4.0')).body.contract as {
      readonly inputs: readonly { readonly fields: readonly { readonly name: string }[] }[];
    };
    const own = new Set(known.inputs[0]?.fields.map(({ name }) => name));
    const inputs = [jsonInput(), ...extra.filter(({ name }) => !own.has(name))];
    const arms = async (form: 'header' | 'parameter') =>
      Promise.all(
        Array.from({ length: 20 }, async (_, index) => {
          const key = `customer-${index}`;
          const body = form === 'header' ? { inputs } : { inputs, parameters: { routing_key: key } };
          const { json } = await post(body, { headers: form === 'header' ? { 'x-routing-key': key } : {} });
          return (json.parameters as Record<string, unknown>).arm;
        }),
      );
    const byHeader = await arms('header');
    expect(new Set(byHeader)).toEqual(new Set(['baseline', 'candidate']));
    expect(await arms('parameter')).toEqual(byHeader);
  });

  test('leaves a request with the baseline that has the baseline’s tensors only', async () => {
    const answers = await Promise.all(Array.from({ length: 10 }, (_, index) => post({ inputs: [jsonInput()], parameters: { routing_key: `k${index}` } })));
    expect(new Set(answers.map(({ json }) => json.model_version))).toEqual(new Set(['1.4.0']));
  });

  test('a timeout in microseconds counts', async () => {
    const { status, json } = await post({ inputs: [jsonInput()], parameters: { timeout: 1 } });
    expect({ status, error: json.error }).toEqual({ status: 504, error: 'The deadline passed before the answer.' });
  });
});
