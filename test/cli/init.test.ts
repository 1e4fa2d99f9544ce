import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { readContract } from '../../src/bundle/read-contract.ts';
import { initCommand } from '../../src/cli/init.ts';
import { onnxModel } from '../support/onnx-graph.ts';
import { runCommand } from '../support/run-command.ts';

const fixtures = 'test/fixtures/foreign-models';
let out = '';

beforeEach(async () => {
  out = await mkdtemp(join(tmpdir(), 'init-'));
});
afterEach(() => rm(out, { recursive: true }));

const init = (...words: readonly string[]) => runCommand(initCommand, [...words, '--out', out]);
const write = async (name: string, content: string | Uint8Array): Promise<string> => {
  await writeFile(join(out, name), content);
  return join(out, name);
};
const bundleFile = (model: string, file: string): Promise<string> => readFile(join(out, 'models', model, '1.0.0', file), 'utf8');

describe('usage', () => {
  it.each([
    { words: [], says: 'got neither a graph nor --remote' },
    { words: ['model.onnx', '--remote', 'http://127.0.0.1:9', '--model', 'm'], says: 'got a graph and --remote' },
    { words: ['model.onnx'], says: 'got no --model' },
    { words: ['model.onnx', '--model', 'm', '--as', 'n'], says: 'got --as' },
    { words: ['model.onnx', '--model', 'm', '--ignore', 'label'], says: 'got --ignore' },
  ])('$words ends with 2: $says', async ({ words, says }) => {
    expect(await init(...words)).toMatchObject({ exitCode: 2, stdout: '', stderr: expect.stringContaining(says) });
  });
});

describe('what cannot become a bundle', () => {
  const refused = async (words: readonly string[], says: string) => {
    expect(await init(...words)).toMatchObject({ exitCode: 1, stdout: '', stderr: expect.stringContaining(says) });
    expect(await readdir(out)).not.toContain('models');
  };

  it('is a graph that gives maps: the message has the export that gives tensors', () =>
    refused([join(fixtures, 'zipmap.onnx'), '--model', 'refused'], "options={'zipmap': False}"));

  it('is a graph that takes one row only', async () => {
    const graph = {
      nodes: [{ op: 'Identity', inputs: ['x'], outputs: ['y'] }],
      inputs: [{ name: 'x', shape: [1, 4] }],
      outputs: [{ name: 'y', shape: [1, 4] }],
    };
    await refused([await write('fixed.onnx', onnxModel(graph)), '--model', 'refused'], 'dynamic_axes');
  });

  it('is a file that is no graph', async () => refused([await write('junk.onnx', 'junk'), '--model', 'refused'], 'the runtime does not load it'));

  it('is a file that is not there', () => refused([join(out, 'nowhere.onnx'), '--model', 'refused'], 'ENOENT'));

  it('is a sample with a column too many: the message names --ignore', () =>
    refused([join(fixtures, 'logistic.onnx'), '--model', 'refused', '--sample', join(fixtures, 'logistic.csv')], '--ignore'));

  it('is a sample without the column that an input is called after', () =>
    refused([join(fixtures, 'columns.onnx'), '--model', 'refused', '--sample', join(fixtures, 'network.jsonl')], 'no column age'));

  it('is an ignored column that the sample does not have', () =>
    refused([join(fixtures, 'logistic.onnx'), '--model', 'refused', '--sample', join(fixtures, 'logistic.csv'), '--ignore', 'label'], 'no column label'));

  it('is text where the graph takes numbers', async () =>
    refused(
      [join(fixtures, 'network.onnx'), '--model', 'refused', '--sample', await write('text.csv', 'a,b,c,d\n1,2,3,red\n')],
      'row 1 of the sample, column d: got "red"',
    ));

  it('is a model whose name or version is none', async () => {
    await refused([join(fixtures, 'network.onnx'), '--model', '_'], 'expected a name with letters or digits');
    await refused([join(fixtures, 'network.onnx'), '--model', 'refused', '--version', 'latest'], 'expected a semantic version');
  });
});

describe('a bundle', () => {
  it('of a signature alone has made-up golden cases, no ranges, and says so', async () => {
    const { exitCode, stderr } = await init(join(fixtures, 'network.onnx'), '--model', 'bare');
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: expect.stringContaining('Note: without --sample') });
    const { schema } = parse(await bundleFile('bare', 'contract.odcs.yaml'));
    expect(schema[0].properties.map(({ name }: { name: string }) => name)).toEqual(['f0', 'f1', 'f2', 'f3']);
    expect(schema[0].properties[0].logicalTypeOptions).toBeUndefined();
    const golden = JSON.parse(await readFile(join(out, 'golden/bare/1.0.0/01-recorded.json'), 'utf8'));
    expect(golden).toMatchObject({ request: { inputs: [{ f0: 0, f1: 0, f2: 0, f3: 0 }] }, source: expect.stringMatching(/^the runtime itself/) });
    expect(await readdir(join(out, 'models/bare/1.0.0'))).not.toContain('baseline.json');
  });

  it('of a sample has its columns, ranges, nulls and distributions', async () => {
    const sample = ['--sample', join(fixtures, 'logistic.csv'), '--ignore', 'defaulted'];
    expect(await init(join(fixtures, 'logistic.onnx'), '--model', 'loans', ...sample)).toMatchObject({ exitCode: 0 });
    const { schema } = parse(await bundleFile('loans', 'contract.odcs.yaml'));
    const [age, , ratio] = schema[0].properties;
    expect(age).toMatchObject({ name: 'age', logicalType: 'integer', required: true, logicalTypeOptions: { minimum: 0, maximum: 125 } });
    expect(ratio).toMatchObject({ required: false, customProperties: [{ property: 'imputeValue', value: 0.25725 }] });
    const { interface: handling } = parse(await bundleFile('loans', 'handoff.yaml'));
    expect(handling.inputs[0].steps).toEqual([{ order: ['age', 'income', 'debt_ratio', 'open_accounts', 'owns_home'] }, { impute: 'contract' }]);
    const baseline = JSON.parse(await bundleFile('loans', 'baseline.json'));
    expect(Object.keys(baseline.fields)).toEqual(['age', 'income', 'debt_ratio', 'open_accounts', 'owns_home']);
    expect(baseline).toMatchObject({ rows: 300, fields: { debt_ratio: { nulls: 0.1 } } });
    expect(Object.keys(baseline.outputs)).toEqual(['label', 'probabilities[0]', 'probabilities[1]']);
  });

  it('bounds probabilities, and no other output', async () => {
    await init(join(fixtures, 'logistic.onnx'), '--model', 'loans');
    const { schema } = parse(await bundleFile('loans', 'contract.odcs.yaml'));
    const [label, probabilities] = schema.slice(1).map(({ properties }: { properties: unknown[] }) => properties[0]);
    expect(probabilities).toMatchObject({ items: { logicalTypeOptions: { minimum: 0, maximum: 1 } } });
    expect(label.logicalTypeOptions).toBeUndefined();
  });

  it('has a domain for text', async () => {
    await init(join(fixtures, 'columns.onnx'), '--model', 'purposes', '--sample', join(fixtures, 'columns.jsonl'));
    const { schema } = parse(await bundleFile('purposes', 'contract.odcs.yaml'));
    const { quality } = schema[3].properties[0];
    expect(quality).toEqual([{ type: 'library', metric: 'invalidValues', arguments: { validValues: ['car', 'home', 'other', 'study'] }, mustBe: 0 }]);
  });

  it('of booleans with gaps keeps them booleans', async () => {
    const graph = {
      nodes: [{ op: 'Cast', inputs: ['home'], outputs: ['y'], attributes: { to: 1 } }],
      inputs: [{ name: 'home', shape: ['rows', 1], type: 'bool' as const }],
      outputs: [{ name: 'y', shape: ['rows', 1] }],
    };
    const lines = [true, null, true, false].map((home) => JSON.stringify({ home })).join('\n');
    const sample = await write('gaps.jsonl', lines);
    expect(await init(await write('gaps.onnx', onnxModel(graph)), '--model', 'gaps', '--sample', sample)).toMatchObject({ exitCode: 0 });
    const contract = parse(await bundleFile('gaps', 'contract.odcs.yaml'));
    expect(contract.schema[0].properties[0]).toMatchObject({
      logicalType: 'boolean',
      required: false,
      customProperties: [{ property: 'imputeValue', value: 1 }],
    });
    expect(readContract('contract.odcs.yaml', contract).faults).toEqual([]);
  });

  it('of lists under the name of a small table has one list', async () => {
    const sample = await write(
      'lists.jsonl',
      [
        [1, 2, 3],
        [4, 5, 6],
      ]
        .map((x) => JSON.stringify({ x }))
        .join('\n'),
    );
    const graph = {
      nodes: [{ op: 'Identity', inputs: ['x'], outputs: ['y'] }],
      inputs: [{ name: 'x', shape: ['rows', 3] }],
      outputs: [{ name: 'y', shape: ['rows', 3] }],
    };
    expect(await init(await write('lists.onnx', onnxModel(graph)), '--model', 'lists', '--sample', sample)).toMatchObject({ exitCode: 0 });
    const contract = parse(await bundleFile('lists', 'contract.odcs.yaml'));
    expect(contract.schema[0].properties).toMatchObject([{ name: 'x', logicalType: 'array', logicalTypeOptions: { minItems: 3, maxItems: 3 } }]);
    expect(readContract('contract.odcs.yaml', contract).faults).toEqual([]);
  });

  it('is not written twice', async () => {
    await init(join(fixtures, 'network.onnx'), '--model', 'bare');
    const again = await init(join(fixtures, 'network.onnx'), '--model', 'bare');
    expect(again).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('bare/1.0.0 is there already') });
  });

  it('of a second version comes with a plan', async () => {
    await init(join(fixtures, 'network.onnx'), '--model', 'bare');
    const { exitCode, stdout } = await init(join(fixtures, 'network.onnx'), '--model', 'bare', '--version', '2', '--json');
    expect(exitCode).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ ok: true, bundles: [{ model: 'bare', version: '2.0.0' }], plan: join(out, 'rollout/bare.yaml') });
    expect(parse(await readFile(join(out, 'rollout/bare.yaml'), 'utf8'))).toMatchObject({ baseline: '1.0.0', candidate: '2.0.0' });
  });

  it('of a release after its prerelease comes with a plan from the one to the other', async () => {
    await init(join(fixtures, 'network.onnx'), '--model', 'bare', '--version', '1.0.0-rc.1');
    await init(join(fixtures, 'network.onnx'), '--model', 'bare', '--version', '1.0.0');
    expect(parse(await readFile(join(out, 'rollout/bare.yaml'), 'utf8'))).toMatchObject({ baseline: '1.0.0-rc.1', candidate: '1.0.0' });
  });
});
