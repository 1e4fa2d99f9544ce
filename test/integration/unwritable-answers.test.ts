/** Answers of a candidate that cannot be given in the form that a caller asked for: they are the candidate's breach, and the caller's answer is the baseline's. */
import { appendFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { initGraph } from '../../src/cli/init-graph.ts';
import { makeTeamFolders } from '../support/bundles.ts';
import { type GatewayProcess, startGateway } from '../support/gateway.ts';
import { type Graph, onnxModel } from '../support/onnx-graph.ts';
import { ask, type ProtocolAnswer } from '../support/protocol.ts';

const model = 'product';
const baseline = '1.0.0';
const candidate = '1.1.0';

const whole = (name: string) => ({ name, shape: ['N', 1], type: 'int64' as const });
const inputs = [whole('x'), whole('z')];
const product = { op: 'Mul', inputs: ['x', 'z'], outputs: ['y'] };
const graphs = {
  plain: { inputs, outputs: [whole('y')], nodes: [product] },
  /** A thousand million times as much. */
  vast: {
    inputs,
    outputs: [whole('y')],
    constants: [{ name: 'scale', type: 'int64', shape: [1], values: [1e9] }],
    nodes: [
      { ...product, outputs: ['unscaled'] },
      { op: 'Mul', inputs: ['unscaled', 'scale'], outputs: ['y'] },
    ],
  },
  /** The same, and a half-precision number beside it, for which the protocol has no JSON form. */
  halved: {
    inputs,
    outputs: [whole('y'), { name: 'half', shape: ['N', 1], type: 'float16' }],
    nodes: [product, { op: 'Cast', inputs: ['y'], outputs: ['half'], attributes: { to: 10 } }],
  },
} as const satisfies Readonly<Record<string, Graph>>;

interface Served {
  readonly first: Graph;
  readonly second: Graph;
  /** Share of the requests on which they are compared, percent; 0 when it is left out. */
  readonly compared?: number;
}

/** A gateway that serves these versions, the second one as the candidate of half of the traffic. */
const startRollout = async ({ first, second, compared = 0 }: Served): Promise<GatewayProcess> => {
  const folders = await makeTeamFolders();
  for (const [version, made] of [
    [baseline, first],
    [candidate, second],
  ] as const) {
    const graph = join(folders.root, `${version}.onnx`);
    await writeFile(graph, onnxModel(made));
    expect(await initGraph({ graph, model, version, out: folders.root })).toMatchObject({ ok: true });
  }
  await appendFile(join(folders.rolloutDir, `${model}.yaml`), `compare: { share: ${compared}, maxCpuPercent: 100 }\n`);
  const gateway = await startGateway(folders);
  onTestFinished(async () => {
    await gateway.end('SIGKILL');
    await folders.remove();
  });
  expect((await gateway.admin('PUT', `/rollouts/${model}/weight`, { weight: 50, reason: 'a test' })).status).toBe(200);
  return gateway;
};

const keys = Array.from({ length: 40 }, (_, index) => `key-${index}`);

interface Counted {
  readonly arm: 'baseline' | 'candidate' | 'none';
  readonly result: string;
}

const counted = (gateway: GatewayProcess, { arm, result }: Counted): Promise<number> =>
  gateway.metric(new RegExp(`^gateway_inference_requests_total\\{(?=.*arm="${arm}")(?=.*result="${result}")`));

const breachRate = async (gateway: GatewayProcess) => {
  const { guardrails } = (await gateway.admin('GET', `/rollouts/${model}`)).body;
  return (guardrails as readonly Readonly<Record<string, unknown>>[]).find(({ name }) => name === 'bad-outputs');
};

describe('on /infer, whole numbers beyond those that JSON holds', () => {
  const rows = [{ x: 94_906_265, z: 2 }];
  const refusal = (got: string) => ({
    status: 502,
    type: '/problems/output-rejected',
    detail: `Output y has ${got}, which a JSON number does not hold: ask for it on /v2.`,
  });

  test('are the breach of the candidate that gives them, and the baseline answers', async () => {
    const gateway = await startRollout({ first: graphs.plain, second: graphs.vast });
    const answers = await Promise.all(keys.map((key) => gateway.infer({ model, inputs: rows }, { 'x-routing-key': key })));
    const ofCandidate = answers.filter(({ body }) => body.arm === 'candidate').length;
    expect(ofCandidate).toBeGreaterThan(5);
    for (const { status, body } of answers)
      expect({ status, ...body }).toMatchObject({ status: 200, version: baseline, rescued: body.arm === 'candidate', outputs: [{ y: 189_812_530 }] });
    expect(await counted(gateway, { arm: 'candidate', result: 'breach' })).toBe(ofCandidate);
    expect(await counted(gateway, { arm: 'candidate', result: 'ok' })).toBe(0);
    expect(await counted(gateway, { arm: 'baseline', result: 'ok' })).toBe(keys.length - ofCandidate);
    expect(await gateway.metric(/^gateway_inference_rescues_total\{.*reason="breach"/)).toBe(ofCandidate);
    await expect.poll(() => breachRate(gateway), { timeout: 10_000 }).toMatchObject({ candidate: { events: ofCandidate } });
  }, 60_000);

  test('are its breach in a compared request too', async () => {
    const gateway = await startRollout({ first: graphs.plain, second: graphs.vast, compared: 100 });
    await expect.poll(() => gateway.metric(/^gateway_comparison_up/), { timeout: 30_000 }).toBe(1);
    expect((await gateway.infer({ model, inputs: rows })).body).toMatchObject({ version: baseline });
    const shown = () => gateway.log().find(({ msg }) => msg === 'a compared request shows a difference or a fault');
    await expect.poll(shown, { timeout: 30_000 }).toMatchObject({ kind: 'breach', arm: 'candidate', why: refusal('189812530000000000').detail });
  }, 60_000);

  test("are nobody else's answer: who asks for one version, or whose baseline gives them too, is told why", async () => {
    const gateway = await startRollout({ first: graphs.vast, second: graphs.vast });
    expect((await gateway.infer({ model, version: candidate, inputs: rows })).body).toMatchObject(refusal('189812530000000000'));
    expect(await counted(gateway, { arm: 'none', result: 'breach' })).toBe(1);
    const answers = await Promise.all(keys.map((key) => gateway.infer({ model, inputs: rows }, { 'x-routing-key': key })));
    for (const { body } of answers) expect(body).toMatchObject(refusal('189812530000000000'));
    const [ofBaseline, ofCandidate] = [
      await counted(gateway, { arm: 'baseline', result: 'breach' }),
      await counted(gateway, { arm: 'candidate', result: 'breach' }),
    ];
    expect(Math.min(ofBaseline, ofCandidate)).toBeGreaterThan(5);
    expect(ofBaseline + ofCandidate).toBe(keys.length);
  }, 60_000);
});

describe('on /v2, an output that only the candidate has, and that JSON has no form for', () => {
  const askFor = (gateway: GatewayProcess, key: string, form: object): Promise<ProtocolAnswer> =>
    ask({
      url: gateway.url,
      path: `/v2/models/${model}/infer`,
      headers: { 'content-type': 'application/json', 'x-routing-key': key },
      body: JSON.stringify({ ...form, inputs: ['x', 'z'].map((name) => ({ name, datatype: 'INT64', shape: [1, 1], data: [30] })) }),
    });
  const armOf = ({ json }: ProtocolAnswer) => (json.parameters as Readonly<Record<string, unknown>>).arm;

  test('is its breach for a caller who asks for all outputs as JSON', async () => {
    const gateway = await startRollout({ first: graphs.plain, second: graphs.halved });
    const answers = await Promise.all(keys.map((key) => askFor(gateway, key, {})));
    for (const answer of answers)
      expect(answer).toMatchObject({
        status: 200,
        json: { model_version: baseline, parameters: { rescued: armOf(answer) === 'candidate' }, outputs: [{ name: 'y', data: [900] }] },
      });
    const ofCandidate = answers.filter((answer) => armOf(answer) === 'candidate').length;
    expect(ofCandidate).toBeGreaterThan(5);
    expect(await counted(gateway, { arm: 'candidate', result: 'breach' })).toBe(ofCandidate);
    expect(await counted(gateway, { arm: 'candidate', result: 'ok' })).toBe(0);
  }, 60_000);

  test.each([
    { who: 'asks for bytes', form: { parameters: { binary_data_output: true } } },
    { who: 'asks for another output', form: { outputs: [{ name: 'y' }] } },
  ])(
    'is no matter to a caller who $who',
    async ({ form }) => {
      const gateway = await startRollout({ first: graphs.plain, second: graphs.halved });
      const answers = await Promise.all(keys.map((key) => askFor(gateway, key, form)));
      for (const answer of answers)
        expect(answer).toMatchObject({
          status: 200,
          json: { model_version: armOf(answer) === 'candidate' ? candidate : baseline, parameters: { rescued: false } },
        });
      expect(await counted(gateway, { arm: 'candidate', result: 'ok' })).toBeGreaterThan(5);
    },
    60_000,
  );
});
