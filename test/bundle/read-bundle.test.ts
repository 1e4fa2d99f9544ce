import { createHash } from 'node:crypto';
import { appendFile, mkdir, readFile, rename, symlink, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Fault } from '../../src/bundle/fault.ts';
import { folderDigests, readBundle } from '../../src/bundle/read-bundle.ts';
import { type BundleCopy, copyBundle, exampleBundles, placeOf } from '../support/bundle-copy.ts';

const wholeFile = '(whole file)';
const fault = (file: string, field: string, ...[got, expected]: [unknown, unknown]): Fault => expect.objectContaining({ file, field, got, expected }) as Fault;

describe('an example bundle', () => {
  it.each(exampleBundles)('%s %s is read without a fault', async (model, version) => {
    const { bundle, faults } = await readBundle(placeOf(model, version));
    expect(faults).toEqual([]);
    expect(bundle).toMatchObject({ model, version, digest: expect.stringMatching(/^[0-9a-f]{64}$/) });
    expect(bundle?.golden.length).toBe(bundle?.manifest.golden.length);
    expect(bundle?.modelBytes.length).toBeGreaterThan(0);
  });

  it('carries its class names', async () => {
    const { bundle } = await readBundle(placeOf('photo-classifier', '1.0.0'));
    expect(bundle?.labels.get('labels.json')).toHaveLength(1000);
  });
});

type Break = (copy: BundleCopy) => Promise<unknown>;

const sealed =
  (change: Break): Break =>
  async (copy) => {
    await change(copy);
    await copy.seal();
  };

const inManifest =
  (change: (manifest: Record<string, unknown>) => void): Break =>
  (copy) =>
    copy.editYaml('handoff.yaml', change);
// biome-ignore lint/suspicious/noExplicitAny: a parsed contract, to be broken at will
const inContract = (change: (contract: any) => void): Break => sealed((copy) => copy.editYaml('contract.odcs.yaml', change));

/** Each breaks a copy of card-fraud 2.0.0 in one way and says which faults are found. */
const breaks: readonly (readonly [string, Break, readonly Fault[]])[] = [
  ['no manifest', (copy) => copy.remove('handoff.yaml'), [fault('handoff.yaml', wholeFile, 'no such file', 'the file')]],
  [
    'a manifest that is no YAML',
    (copy) => copy.write('handoff.yaml', 'model: [card-fraud'),
    [fault('handoff.yaml', wholeFile, expect.stringContaining('unexpected end of the stream'), 'YAML')],
  ],
  ['an empty manifest', (copy) => copy.write('handoff.yaml', ''), [fault('handoff.yaml', wholeFile, 'expected a document, but the input is empty', 'YAML')]],
  [
    'a key that stands twice in the manifest',
    (copy) => copy.edit('handoff.yaml', (text) => `${text}\nmodel: card-fraud\n`),
    [fault('handoff.yaml', wholeFile, expect.stringContaining('duplicated mapping key'), 'YAML')],
  ],
  [
    'a manifest of another model',
    inManifest((manifest) => Object.assign(manifest, { model: 'card-risk' })),
    [fault('handoff.yaml', 'model', 'card-risk', 'card-fraud, the name of its folder')],
  ],
  [
    'a manifest of another version',
    inManifest((manifest) => Object.assign(manifest, { version: '2.0.1' })),
    [fault('handoff.yaml', 'version', '2.0.1', '2.0.0, the name of its folder')],
  ],
  [
    'an unknown key in the manifest',
    inManifest((manifest) => Object.assign(manifest, { colour: 'red' })),
    [fault('handoff.yaml', 'colour', 'an unknown key', 'no such key')],
  ],
  ['no owners in the manifest', inManifest((manifest) => Reflect.deleteProperty(manifest, 'owners')), [fault('handoff.yaml', 'owners', 'nothing', 'object')]],
  [
    'a changed file',
    (copy) => appendFile(join(copy.place.folder, 'README.md'), 'x'),
    [fault('README.md', 'sha256', expect.stringMatching(/^[0-9a-f]{64}$/), expect.stringMatching(/^[0-9a-f]{64}$/))],
  ],
  [
    'a changed graph',
    (copy) => appendFile(join(copy.place.folder, 'model.onnx'), 'x'),
    [fault('model.onnx', 'sha256', expect.stringMatching(/^[0-9a-f]{64}$/), expect.stringMatching(/^[0-9a-f]{64}$/))],
  ],
  ['a missing file', (copy) => copy.remove('RUNBOOK.md'), [fault('RUNBOOK.md', wholeFile, 'no such file', expect.stringMatching(/^sha256 /))]],
  [
    'no graph',
    (copy) => copy.remove('model.onnx'),
    [fault('model.onnx', wholeFile, 'no such file', 'the graph'), fault('model.onnx', wholeFile, 'no such file', expect.stringMatching(/^sha256 /))],
  ],
  [
    'no contract',
    (copy) => copy.remove('contract.odcs.yaml'),
    [
      fault('contract.odcs.yaml', wholeFile, 'no such file', 'the file'),
      fault('contract.odcs.yaml', wholeFile, 'no such file', expect.stringMatching(/^sha256 /)),
    ],
  ],
  [
    'a file that is not listed',
    (copy) => copy.write('notes.txt', 'x'),
    [fault('notes.txt', wholeFile, 'a file that the manifest does not list', 'an entry under artifacts, or no file')],
  ],
  ['a symbolic link', (copy) => symlink('/etc/hostname', join(copy.place.folder, 'link')), [fault('link', wholeFile, 'no regular file', 'a regular file')]],
  [
    'a file replaced by a link',
    async ({ place }) => {
      await unlink(join(place.folder, 'RUNBOOK.md'));
      await symlink('README.md', join(place.folder, 'RUNBOOK.md'));
    },
    [fault('RUNBOOK.md', wholeFile, 'no regular file', 'a regular file'), fault('RUNBOOK.md', wholeFile, 'no such file', expect.stringMatching(/^sha256 /))],
  ],
  [
    'a changed golden case',
    (copy) => copy.writeGolden('03-night.json', '{}'),
    [fault('golden/03-night.json', 'sha256', expect.any(String), expect.any(String))],
  ],
  [
    'a golden case that is not listed',
    (copy) => copy.writeGolden('10-more.json', '{}'),
    [fault('golden/10-more.json', wholeFile, 'a golden case that the manifest does not list', 'an entry under golden, or no file')],
  ],
  [
    'a missing golden case',
    ({ place }) => unlink(join(place.goldenFolder, '03-night.json')),
    [fault('golden/03-night.json', wholeFile, 'no such file', expect.stringMatching(/^sha256 /))],
  ],
  [
    'a golden case that is no JSON',
    sealed((copy) => copy.writeGolden('03-night.json', '{"request":')),
    [fault('golden/03-night.json', wholeFile, 'no JSON', 'JSON')],
  ],
  [
    'a golden case without a tolerance',
    sealed((copy) => copy.writeGolden('03-night.json', '{"request":{"inputs":[{}]},"expected":{"outputs":[{}]},"source":"x"}')),
    [fault('golden/03-night.json', 'tolerance', 'nothing', 'object')],
  ],
  [
    'a contract that is no YAML',
    sealed((copy) => copy.write('contract.odcs.yaml', 'a: [')),
    [fault('contract.odcs.yaml', wholeFile, expect.any(String), 'YAML')],
  ],
  [
    'a contract of an unknown type',
    inContract((contract) => Object.assign(contract.schema[0].properties[0], { logicalType: 'float' })),
    [fault('contract.odcs.yaml', 'schema.0.properties.0.logicalType', 'float', expect.stringContaining('"number"'))],
  ],
];

describe('readBundle', () => {
  it.each(breaks)('refuses %s', async (_, breakIt, expected) => {
    const copy = await copyBundle('card-fraud', '2.0.0');
    await breakIt(copy);
    const { bundle, faults } = await copy.read();
    expect(bundle).toBeNull();
    expect(faults).toEqual(expected);
  });

  it('finds several faults at once, in every file', async () => {
    const copy = await copyBundle('card-fraud', '2.0.0');
    await copy.editYaml('contract.odcs.yaml', (contract) => {
      Reflect.deleteProperty(contract, 'status');
      contract.schema[0].properties[1].logicalType = 'float';
    });
    await copy.writeGolden('01-ordinary-purchase.json', 'no JSON');
    await copy.writeGolden('02-high-amount.json', '{}');
    await copy.seal();
    await copy.editYaml('handoff.yaml', (manifest) => Object.assign(manifest, { version: '9.9.9' }));
    await copy.edit('README.md', (text) => `${text}!`);
    await copy.remove('RUNBOOK.md');
    await copy.write('notes.txt', 'x');
    const { faults } = await copy.read();
    expect(new Set(faults.map(({ file, field }) => `${file} ${field}`))).toEqual(
      new Set([
        'handoff.yaml version',
        'README.md sha256',
        `RUNBOOK.md ${wholeFile}`,
        `notes.txt ${wholeFile}`,
        'contract.odcs.yaml status',
        'contract.odcs.yaml schema.0.properties.1.logicalType',
        `golden/01-ordinary-purchase.json ${wholeFile}`,
        'golden/02-high-amount.json request',
        'golden/02-high-amount.json expected',
        'golden/02-high-amount.json tolerance',
        'golden/02-high-amount.json source',
      ]),
    );
  });

  it('finds the faults of the contract beside those of the manifest', async () => {
    const copy = await copyBundle('card-fraud', '2.0.0');
    await copy.editYaml('contract.odcs.yaml', (contract) => Reflect.deleteProperty(contract, 'status'));
    await copy.editYaml('handoff.yaml', (manifest) => Reflect.deleteProperty(manifest, 'license'));
    const { faults } = await copy.read();
    expect(faults.map(({ file, field }) => `${file} ${field}`)).toEqual(['contract.odcs.yaml status', 'handoff.yaml license']);
  });

  it.each([
    ['fewer labels than classes', '["a","b"]', '2 labels', '1000, the width of probabilities'],
    ['labels that are no list', '{"a":1}', 'something else', 'a JSON list of texts'],
    ['labels that are no texts', '[1,2]', 'something else', 'a JSON list of texts'],
    ['labels that are no JSON', 'a, b', 'something else', 'a JSON list of texts'],
  ])('refuses %s', async (_, ...[content, got, expected]) => {
    const copy = await copyBundle('photo-classifier', '1.0.0');
    await copy.write('labels.json', content);
    await copy.seal();
    expect((await copy.read()).faults).toEqual([{ file: 'labels.json', field: wholeFile, got, expected }]);
  });

  it('refuses a missing list of labels', async () => {
    const copy = await copyBundle('photo-classifier', '1.0.0');
    await copy.remove('labels.json');
    await copy.seal();
    expect((await copy.read()).faults).toEqual([{ file: 'labels.json', field: wholeFile, got: 'no such file', expected: 'a JSON list of texts' }]);
  });

  it('fails for a folder that is not there', async () => {
    await expect(readBundle({ ...placeOf('card-fraud', '9.9.9') })).rejects.toThrow('ENOENT');
  });

  it('passes over what version control leaves, at the top of the folder', async () => {
    const copy = await copyBundle('card-fraud', '2.0.0');
    const before = (await copy.read()).bundle?.digest;
    await mkdir(join(copy.place.folder, '.git'));
    await copy.write('.git/HEAD', 'ref');
    await copy.write('.gitattributes', 'x');
    const { bundle, faults } = await copy.read();
    expect(faults).toEqual([]);
    expect(bundle?.digest).toBe(before);
  });
});

describe('the digest of a bundle', () => {
  it('is the SHA-256 of the digests of its files in the order of their names', async () => {
    const place = placeOf('search-ranker', '1.2.0');
    const { bundle } = await readBundle(place);
    const digests = await folderDigests(place.folder);
    const names = digests.map(({ name }) => name);
    expect(names).toEqual([...names].sort((left, right) => (left < right ? -1 : 1)));
    const root = createHash('sha256');
    for (const { name } of digests)
      root.update(
        createHash('sha256')
          .update(await readFile(join(place.folder, name)))
          .digest(),
      );
    expect(bundle?.digest).toBe(root.digest('hex'));
  });

  it('does not change with the sign-offs and the signature, which are about it', async () => {
    const copy = await copyBundle('card-fraud', '2.0.0');
    const before = (await copy.read()).bundle?.digest;
    await copy.write('signoffs.yaml', 'x');
    await copy.write('model.sig', 'x');
    const { bundle, faults } = await copy.read();
    expect(faults).toEqual([]);
    expect(bundle?.digest).toBe(before);
  });

  it('changes with any other file', async () => {
    const copy = await copyBundle('card-fraud', '2.0.0');
    const before = (await copy.read()).bundle?.digest;
    await copy.edit('README.md', (text) => `${text} `);
    await copy.seal();
    expect((await copy.read()).bundle?.digest).not.toBe(before);
  });

  it('changes with a golden case, through the manifest', async () => {
    const copy = await copyBundle('card-fraud', '2.0.0');
    const before = (await copy.read()).bundle?.digest;
    await rename(join(copy.place.goldenFolder, '03-night.json'), join(copy.place.goldenFolder, '13-night.json'));
    await copy.seal();
    const { bundle, faults } = await copy.read();
    expect(faults).toEqual([]);
    expect(bundle?.digest).not.toBe(before);
  });
});
