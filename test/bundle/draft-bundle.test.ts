import { describe, expect, it } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import { acceptanceSchema } from '../../src/bundle/acceptance.ts';
import { type BundleDraft, draftBundle } from '../../src/bundle/draft-bundle.ts';
import { manifestSchema } from '../../src/bundle/manifest.ts';
import { readContract } from '../../src/bundle/read-contract.ts';
import { readTemplates } from '../../src/cli/read-templates.ts';

const golden = { request: { inputs: [{ age: 41 }] }, expected: { outputs: [{ score: 0.5 }] }, tolerance: { absolute: 1e-5 }, source: 'By hand.' };

const draft: BundleDraft = {
  model: 'loans',
  version: '1.0.0',
  inputs: [
    {
      name: 'X',
      datatype: 'FP32',
      shape: [-1, 2],
      fields: [
        { name: 'age', logicalType: 'integer', width: 1, minimum: 0, maximum: 120 },
        { name: 'ratio', logicalType: 'number', width: 1, imputeValue: 0.25 },
      ],
    },
  ],
  outputs: [{ name: 'score', datatype: 'FP32', shape: [-1, 1] }],
  remote: null,
  maxRows: 64,
  golden: [golden],
  sample: null,
  contractId: 'id',
};

describe('draftBundle', () => {
  it('writes a manifest and a contract that can be read', async () => {
    const { bundle } = draftBundle(draft, await readTemplates());
    expect(manifestSchema.safeParse(parse(bundle['handoff.yaml'] ?? '')).error).toBeUndefined();
    expect(readContract('contract.odcs.yaml', parse(bundle['contract.odcs.yaml'] ?? '')).faults).toEqual([]);
  });

  it('fills every template: no word in braces is left, and the model has its name', async () => {
    const templates = await readTemplates();
    const { bundle } = draftBundle(draft, templates);
    for (const name of Object.keys(templates)) expect(bundle[name]).not.toMatch(/\{\{/);
    expect(bundle['README.md']).toContain('# loans 1.0.0');
    expect(acceptanceSchema.safeParse(parse(bundle['acceptance.yaml'] ?? '')).error).toBeUndefined();
    expect(parseAllDocuments(bundle['slo.openslo.yaml'] ?? '').map((document) => document.toJS().spec.service)).toEqual(['loans', 'loans']);
  });

  it('says in each document where a person has to decide', async () => {
    const { bundle } = draftBundle(draft, await readTemplates());
    const lacking = Object.entries(bundle).filter(([, text]) => !text.includes('to be filled in'));
    expect(lacking.map(([name]) => name)).toEqual(['transforms.yaml']);
  });

  it('imputes exactly when a field may be null, with a test of it', () => {
    const { bundle } = draftBundle(draft, {});
    expect(parse(bundle['handoff.yaml'] ?? '').interface.inputs[0].steps).toEqual([{ order: ['age', 'ratio'] }, { impute: 'contract' }]);
    expect(parse(bundle['transforms.yaml'] ?? '').cases).toEqual([{ name: 'no ratio', row: { ratio: null }, expect: { ratio: 0.25 }, tolerance: 1e-6 }]);
    const bare = draftBundle({ ...draft, inputs: [{ name: 'x', datatype: 'FP32', shape: [-1, 1] }] }, {});
    expect(parse(bare.bundle['handoff.yaml'] ?? '').interface.inputs[0].steps).toEqual([{ order: ['x'] }]);
    expect(Object.keys(bare.bundle)).not.toContain('transforms.yaml');
  });

  it('writes the golden cases of wide rows without a line for each value', () => {
    const wide = { ...draft, inputs: [{ name: 'pixels', datatype: 'FP32', shape: [-1, 3, 8, 8] }] };
    expect(draftBundle(wide, {}).golden['01-recorded.json']?.split('\n')).toHaveLength(2);
  });
});
