import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { checkDocument } from '../../src/bundle/fault.ts';
import { manifestSchema, modelName, semver } from '../../src/bundle/manifest.ts';
import { exampleBundles, placeOf } from '../support/bundle-copy.ts';

// biome-ignore lint/suspicious/noExplicitAny: a parsed manifest, to be broken at will
type Document = any;

const documentOf = (model: string, version: string): Document => parse(readFileSync(join(placeOf(model, version).folder, 'handoff.yaml'), 'utf8'));

const faultsAfter = (change: (document: Document) => void, [model, version]: readonly [string, string] = ['card-fraud', '2.0.0']) => {
  const document = documentOf(model, version);
  change(document);
  return checkDocument(manifestSchema, 'handoff.yaml', document).faults.map(({ field, got, expected }) => [field, got, expected]);
};

describe('manifestSchema', () => {
  it.each(exampleBundles)('holds for %s %s', (model, version) => {
    expect(manifestSchema.safeParse(documentOf(model, version)).success).toBe(true);
  });

  it.each<[string, (document: Document) => void, string, string, string]>([
    ['another apiVersion', (d) => Object.assign(d, { apiVersion: 'handoff/v2' }), 'apiVersion', 'handoff/v2', '"handoff/v1"'],
    ['a model name in capitals', (d) => Object.assign(d, { model: 'Card' }), 'model', 'Card', '[a-z0-9][a-z0-9-]*'],
    ['a version that is no semantic version', (d) => Object.assign(d, { version: '2.0' }), 'version', '2.0', 'a semantic version like 1.4.0'],
    [
      'an artifact outside the bundle',
      (d) => Object.assign(d.artifacts[0], { path: 'a/../../b' }),
      'artifacts.0.path',
      'a/../../b',
      'must not leave the bundle',
    ],
    ...(
      [
        ['script', '.github/train.py'],
        ['script', '.git/hooks/train.py'],
        ['script', '.GitHub/train.py'],
        ['script', './.github/train.py'],
        ['requirements', '.gitignore'],
        ['requirements', 'signoffs.yaml'],
        ['metrics', 'model.sig'],
      ] as const
    ).map(([field, path]): [string, (document: Document) => void, string, string, string] => [
      `a training ${field} that no digest covers: ${path}`,
      (d) => Object.assign(d.training, { [field]: path }),
      `training.${field}`,
      path,
      'a file that the digest covers',
    ]),
    [
      'an absolute artifact',
      (d) => Object.assign(d.artifacts[0], { path: '/etc/passwd' }),
      'artifacts.0.path',
      '/etc/passwd',
      'a relative path with forward slashes',
    ],
    [
      'an artifact with backslashes',
      (d) => Object.assign(d.artifacts[0], { path: 'a\\b' }),
      'artifacts.0.path',
      'a\\b',
      'a relative path with forward slashes',
    ],
    [
      'a digest in capitals',
      (d) => Object.assign(d.artifacts[0], { sha256: 'A'.repeat(64) }),
      'artifacts.0.sha256',
      'A'.repeat(64),
      '64 lower-case hexadecimal characters',
    ],
    [
      'a golden case without a number',
      (d) => Object.assign(d.golden[0], { file: 'night.json' }),
      'golden.0.file',
      'night.json',
      expect.stringContaining('pattern'),
    ],
    ['no golden case', (d) => Object.assign(d, { golden: [] }), 'golden', '[]', 'array to have >=1 items'],
    [
      'an unknown tabular step',
      (d) => d.interface.inputs[0].steps.push({ scale: 2 }),
      'interface.inputs.0.steps.2',
      '{"scale":2}',
      'order or impute or encode',
    ],
    [
      'an imputation by another rule',
      (d) => Object.assign(d.interface.inputs[0].steps[1], { impute: 'mean' }),
      'interface.inputs.0.steps.1.impute',
      'mean',
      '"contract"',
    ],
    [
      'a threshold that is text',
      (d) => Object.assign(d.interface.outputs[0].steps[0].threshold, { at: '0.5' }),
      'interface.outputs.0.steps.0.threshold.at',
      '0.5',
      'number',
    ],
    [
      'a threshold without an output',
      (d) => Reflect.deleteProperty(d.interface.outputs[0].steps[0].threshold, 'output'),
      'interface.outputs.0.steps.0.threshold.output',
      'nothing',
      'string',
    ],
    [
      'an unknown output step',
      (d) => d.interface.outputs[0].steps.push({ argmax: {} }),
      'interface.outputs.0.steps.1',
      '{"argmax":{}}',
      'sigmoid or softmax or topK or threshold or abstain',
    ],
    ['no rows', (d) => Object.assign(d.budgets, { maxRows: 0 }), 'budgets.maxRows', '0', 'number to be >=1'],
    ['a fraction of a row', (d) => Object.assign(d.budgets, { maxRows: 1.5 }), 'budgets.maxRows', '1.5', 'int'],
    ['a duration without a unit', (d) => Object.assign(d.signals[0], { staleAfter: '2' }), 'signals.0.staleAfter', '2', 'a duration like 30s, 10m or 24h'],
    [
      'an unknown drift measure',
      (d) => Object.assign(d.monitoring.drift[0], { measure: 'mmd' }),
      'monitoring.drift.0.measure',
      'mmd',
      'one of "kl"|"psi"|"ks"',
    ],
    ['an owner without a contact', (d) => Reflect.deleteProperty(d.owners.product, 'contact'), 'owners.product.contact', 'nothing', 'string'],
    ['nobody to escalate to', (d) => Object.assign(d.runbook, { escalation: [] }), 'runbook.escalation', '[]', 'array to have >=1 items'],
    ['an unknown key deep inside', (d) => Object.assign(d.budgets, { maxRow: 1 }), 'budgets.maxRow', 'an unknown key', 'no such key'],
  ])('refuses %s', (_, ...[change, field, got, expected]) => {
    expect(faultsAfter(change)).toEqual([[field, got, expected]]);
  });

  it.each<[string, (document: Document) => void, string, string, string]>([
    [
      'an unknown image format',
      (d) => Object.assign(d.interface.inputs[0].steps[0].decode, { formats: ['gif'] }),
      'interface.inputs.0.steps.0.decode.formats.0',
      'gif',
      'one of "jpeg"|"png"|"webp"',
    ],
    [
      'too many pixels',
      (d) => Object.assign(d.interface.inputs[0].steps[0].decode, { maxPixels: 1e9 }),
      'interface.inputs.0.steps.0.decode.maxPixels',
      '1000000000',
      'number to be <=100000000',
    ],
    [
      'a scale of 0',
      (d) => Object.assign(d.interface.inputs[0].steps[3].normalise, { scale: 0 }),
      'interface.inputs.0.steps.3.normalise.scale',
      '0',
      'number to be >0',
    ],
    [
      'labels outside the bundle',
      (d) => Object.assign(d.interface.outputs[0].steps[0].topK, { labels: '../labels.json' }),
      'interface.outputs.0.steps.0.topK.labels',
      '../labels.json',
      'must not leave the bundle',
    ],
  ])('refuses in an image model %s', (_, ...[change, field, got, expected]) => {
    expect(faultsAfter(change, ['photo-classifier', '1.0.0'])).toEqual([[field, got, expected]]);
  });

  it('finds everything at once', () => {
    const faults = faultsAfter((d) => {
      d.model = 'X';
      d.budgets.maxRows = 0;
      d.signals[0].pageAfter = 'soon';
      d.colour = 'red';
      Reflect.deleteProperty(d, 'runbook');
    });
    expect(faults.map(([field]) => field).sort()).toEqual(['budgets.maxRows', 'colour', 'model', 'runbook', 'signals.0.pageAfter']);
  });
});

describe('names and versions', () => {
  it.each(['a', '0', 'card-fraud', 'a'.repeat(63)])('%s is a model name', (name) => {
    expect(modelName.safeParse(name).success).toBe(true);
  });

  it.each(['', '-a', 'A', 'a_b', 'a/b', 'a.b', 'é', 'a'.repeat(64), 'a\n'])('%j is no model name', (name) => {
    expect(modelName.safeParse(name).success).toBe(false);
  });

  it.each(['0.0.0', '1.4.0', '10.20.30', '1.0.0-rc.1'])('%s is a version', (version) => {
    expect(semver.safeParse(version).success).toBe(true);
  });

  it.each(['1', '1.0', '01.0.0', '1.0.0+build', 'v1.0.0', '1.0.0-', '1.0.0\n', '1.0.0/..'])('%j is no version', (version) => {
    expect(semver.safeParse(version).success).toBe(false);
  });
});
