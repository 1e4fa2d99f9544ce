import { afterEach, describe, expect, test } from 'vitest';
import type { ModelContract, TensorSpec } from '../../../src/bundle/contract.ts';
import type { Manifest } from '../../../src/bundle/manifest.ts';
import type { Bundle } from '../../../src/bundle/read-bundle.ts';
import type { OpenedVersion } from '../../../src/data-plane/inference/open-version.ts';
import { openVersion } from '../../../src/data-plane/inference/open-version.ts';
import { onnxModel } from '../../support/onnx-graph.ts';
import { livingWorkers } from '../../support/process-is-alive.ts';
import { brokenModel, createRecordingHooks, realBundle, realVersions } from '../../support/real-bundles.ts';
import { testLauncher } from '../../support/test-launcher.ts';

const launcher = testLauncher();

const opened: OpenedVersion[] = [];

const open = async (bundle: Bundle, monotonicMs = (): number => performance.now()): Promise<OpenedVersion> => {
  const result = await openVersion(bundle, { launcher, monotonicMs, hooks: createRecordingHooks().hooks });
  opened.push(result);
  return result;
};

afterEach(async () => {
  await Promise.all(opened.splice(0).map(({ version }) => version?.close()));
  expect(livingWorkers()).toEqual([]);
});

const fraud = (): Promise<Bundle> => realBundle('card-fraud', '2.0.0');
const photos = (): Promise<Bundle> => realBundle('photo-classifier', '1.0.0');

const withTensor = (bundle: Bundle, side: 'inputs' | 'outputs', change: Partial<TensorSpec>): Bundle => {
  const contract: ModelContract = { ...bundle.contract, [side]: bundle.contract[side].map((spec) => ({ ...spec, ...change })) };
  const tensors = bundle.manifest.interface[side].map((entry) => ({ ...entry, tensor: change.name ?? entry.tensor }));
  return { ...bundle, contract, manifest: { ...bundle.manifest, interface: { ...bundle.manifest.interface, [side]: tensors } } };
};

type Steps = Manifest['interface']['inputs'][number]['steps'];
const withImageStep = (bundle: Bundle, step: Steps[number]): Bundle => {
  const [name] = Object.keys(step);
  const inputs = bundle.manifest.interface.inputs.map((input) => ({
    ...input,
    steps: input.steps.map((old) => (Object.keys(old)[0] === name ? step : old)) as Steps,
  }));
  return { ...bundle, manifest: { ...bundle.manifest, interface: { ...bundle.manifest.interface, inputs } } };
};

const withGolden = (bundle: Bundle, change: { readonly request?: Record<string, unknown>; readonly expected?: Record<string, unknown> }): Bundle => ({
  ...bundle,
  golden: bundle.golden.map((entry, index) => {
    if (index > 0) return entry;
    const { request, expected } = entry.golden;
    return {
      ...entry,
      golden: {
        ...entry.golden,
        request: { inputs: request.inputs.map((row) => ({ ...row, ...change.request })) },
        expected: { outputs: expected.outputs.map((row) => ({ ...row, ...change.expected })) },
      },
    };
  }),
});

/** Answers the field `is_night`, and throws for more rows than one: the fault of an export with a fixed batch. */
const oneRowModel = (): Uint8Array =>
  onnxModel({
    inputs: [{ name: 'features', shape: ['N', 17] }],
    outputs: [{ name: 'fraud_probability', shape: ['N', 1] }],
    constants: [
      { name: 'column', type: 'int64', shape: [1], values: [3] },
      { name: 'first', type: 'int64', shape: [1], values: [0] },
      { name: 'zero_or_one', type: 'float', shape: [2], values: [0, 0] },
    ],
    nodes: [
      { op: 'Gather', inputs: ['features', 'column'], outputs: ['is_night'], attributes: { axis: 1 } },
      { op: 'Shape', inputs: ['features'], outputs: ['shape'] },
      { op: 'Gather', inputs: ['shape', 'first'], outputs: ['rows'] },
      { op: 'Gather', inputs: ['zero_or_one', 'rows'], outputs: ['nothing'] },
      { op: 'Add', inputs: ['is_night', 'nothing'], outputs: ['fraud_probability'] },
    ],
  });

describe('openVersion on the real bundles', { timeout: 60_000 }, () => {
  test.each(realVersions)('opens %s %s: every golden case holds, and its costs are known', async (model, name) => {
    const bundle = await realBundle(model, name);
    const { version, golden, faults } = await open(bundle);
    expect(faults).toEqual([]);
    expect(golden.map(({ file, ok }) => ({ file, ok }))).toEqual(bundle.golden.map(({ file }) => ({ file, ok: true })));
    expect(version?.costs.length).toBeGreaterThan(0);
    expect(version?.costs.map(({ rows }) => rows)).toContain(version?.maxBatchRows);
    expect(version?.placement()).toBe('worker');
    expect(livingWorkers()).toEqual([version?.workerPid()]);
  });
});

describe('openVersion on a bundle with a defect', { timeout: 60_000 }, () => {
  test.each([
    [
      'a golden value that is not what the graph gives',
      async () => withGolden(await fraud(), { expected: { fraud_probability: 0.5 } }),
      { file: 'golden/01-ordinary-purchase.json', field: '#/outputs/0/fraud_probability', expected: '0.5' },
    ],
    [
      'a golden request that breaks the contract',
      async () => withGolden(await fraud(), { request: { hour: 24 } }),
      { file: 'golden/01-ordinary-purchase.json', field: '#/inputs/0/hour', got: '24' },
    ],
    [
      'another tensor name',
      async () => withTensor(await fraud(), 'inputs', { name: 'columns' }),
      { file: 'model.onnx', field: 'inputs.columns', got: 'features', expected: 'columns, as in the contract' },
    ],
    [
      'another element type',
      async () => withTensor(await fraud(), 'inputs', { datatype: 'FP64' }),
      { file: 'model.onnx', field: 'inputs.features.datatype', got: 'FP32', expected: 'FP64, as in the contract' },
    ],
    [
      'another output shape',
      async () => withTensor(await fraud(), 'outputs', { shape: [-1] }),
      { file: 'model.onnx', field: 'outputs.fraud_probability.shape', got: '[-1, 1]', expected: '[-1], as in the contract' },
    ],
    [
      "another version's graph",
      async () => ({ ...(await fraud()), modelBytes: (await realBundle('card-fraud', '1.4.0')).modelBytes }),
      { file: 'golden/01-ordinary-purchase.json', field: '#/outputs/0/fraud_probability' },
    ],
    [
      "another model's graph",
      async () => ({ ...(await fraud()), modelBytes: (await realBundle('search-ranker', '1.3.2')).modelBytes }),
      { file: 'model.onnx', field: 'outputs.fraud_probability', got: 'score' },
    ],
    [
      'no graph',
      async () => ({ ...(await fraud()), modelBytes: Buffer.from('no graph') }),
      { file: 'model.onnx', field: '(whole file)', expected: 'a graph that ONNX Runtime loads' },
    ],
    [
      'a graph that gives NaN in a golden case',
      async () => withGolden({ ...(await fraud()), modelBytes: await brokenModel('nan') }, { request: { amount: 5_000 } }),
      { file: 'golden/01-ordinary-purchase.json', field: '#/outputs', got: expect.stringContaining('NaN') },
    ],
    [
      'a graph that throws in a golden case',
      async () => withGolden({ ...(await fraud()), modelBytes: await brokenModel('throws') }, { request: { amount: 5_000 } }),
      { file: 'golden/01-ordinary-purchase.json', field: '#', got: expect.stringContaining('Gather'), expected: 'an answer' },
    ],
    [
      'the mean and scale of another network',
      async () => withImageStep(await photos(), { normalise: { mean: 0, scale: 255 } }),
      { file: 'golden/01-coffee.json', field: '#/outputs/0/top/0/confidence' },
    ],
    [
      'another resize kernel',
      async () => withImageStep(await photos(), { resize: { size: 224, kernel: 'nearest' } }),
      { file: expect.stringMatching(/^golden\//), field: expect.stringMatching(/^#\/outputs\/0/) },
    ],
    [
      'another crop',
      async () => withImageStep(await photos(), { crop: { size: 224, padding: 0 } }),
      { file: expect.stringMatching(/^golden\//), field: expect.stringMatching(/^#\/outputs\/0/) },
    ],
  ])('refuses %s', async (_, make, fault) => {
    const { version, faults } = await open(await make());
    expect(version).toBeNull();
    expect(faults).toContainEqual({ got: expect.any(String), expected: expect.any(String), ...fault });
  });

  test('refuses a graph that takes only one row at a time, although each golden row alone holds', async () => {
    const bundle = await fraud();
    const golden = bundle.golden
      .slice(0, 1)
      .map((entry) => ({ ...entry, golden: { ...entry.golden, expected: { outputs: [{ fraud_probability: 0, flagged: false }] } } }));
    const { version, faults } = await open({ ...bundle, golden, modelBytes: oneRowModel() });
    expect(version).toBeNull();
    expect(faults).toEqual([{ file: 'model.onnx', field: 'run of 8 rows', got: expect.stringContaining('Gather'), expected: expect.any(String) }]);
  });

  test('refuses a graph that does not end in a golden case', async () => {
    // A clock that runs fast: the limit for a run while a bundle is proven is five seconds.
    const { version, faults } = await open(
      withGolden({ ...(await fraud()), modelBytes: await brokenModel('endless') }, { request: { amount: 5_000 } }),
      () => performance.now() * 20,
    );
    expect(version).toBeNull();
    expect(faults[0]).toMatchObject({ file: 'golden/01-ordinary-purchase.json', got: expect.stringContaining('longer than its limit') });
  });

  test('lists the faults of all golden cases', async () => {
    const bundle = await fraud();
    const { golden, faults } = await open({ ...bundle, modelBytes: (await realBundle('card-fraud', '1.4.0')).modelBytes });
    expect(golden.map(({ file }) => file)).toEqual(bundle.golden.map(({ file }) => file));
    expect(new Set(faults.map(({ file }) => file)).size).toBeGreaterThan(1);
  });
});

test('a version that is called off while its graph is loaded is not served, and its process ends', async () => {
  const calledOff = new AbortController();
  const start = (entry: string) => {
    queueMicrotask(() => calledOff.abort());
    return launcher.start(entry);
  };
  const deps = { launcher: { ...launcher, start }, monotonicMs: () => performance.now(), hooks: createRecordingHooks().hooks, signal: calledOff.signal };
  expect((await openVersion(await fraud(), deps)).version).toBeNull();
  await expect.poll(livingWorkers).toEqual([]);
});
