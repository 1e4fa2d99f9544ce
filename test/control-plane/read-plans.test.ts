import { createHash } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { readPlans } from '../../src/control-plane/read-plans.ts';
import { makeTeamFolders } from '../support/bundles.ts';

const whole = (model: string) => `apiVersion: handoff/v1\nkind: Rollout\nmodel: ${model}\nbaseline: 1.0.0\ncandidate: 2.0.0\nsteps: [{ setWeight: 10 }]\n`;

const folderWith = async (files: Record<string, string>): Promise<string> => {
  const { rolloutDir, remove } = await makeTeamFolders();
  onTestFinished(remove);
  for (const [name, content] of Object.entries(files)) await writeFile(join(rolloutDir, name), content);
  return rolloutDir;
};

describe('readPlans', () => {
  it('reads the example plans', async () => {
    const folder = new URL('../../rollout', import.meta.url).pathname;
    const { plans, faults } = await readPlans(folder);
    expect(faults).toEqual([]);
    expect(plans.map(({ file, plan }) => [file, plan.model])).toEqual([
      ['rollout/card-fraud.yaml', 'card-fraud'],
      ['rollout/photo-classifier.yaml', 'photo-classifier'],
      ['rollout/search-ranker.yaml', 'search-ranker'],
    ]);
    expect(plans[0]?.digest).toBe(
      createHash('sha256')
        .update(await readFile(join(folder, 'card-fraud.yaml')))
        .digest('hex'),
    );
  });

  it('reads the plans that hold beside one that does not', async () => {
    const folder = await folderWith({ 'b.yaml': whole('b'), 'a.yaml': whole('A'), 'c.yaml': 'a: [' });
    const { plans, faults } = await readPlans(folder);
    expect(plans.map(({ file }) => file)).toEqual(['rollout/b.yaml']);
    expect(faults).toEqual([
      { file: 'rollout/a.yaml', field: 'model', got: 'A', expected: 'a name of [a-z0-9][a-z0-9-]*' },
      { file: 'rollout/c.yaml', field: '(whole file)', got: expect.any(String), expected: 'YAML' },
    ]);
  });

  it.each([['a list', '- a', '(whole file)', '["a"]']])('refuses %s', async (_, ...[content, field, got]) => {
    const { plans, faults } = await readPlans(await folderWith({ 'a.yaml': content }));
    expect(plans).toEqual([]);
    expect(faults).toEqual([{ file: 'rollout/a.yaml', field, got, expected: 'object' }]);
  });

  it('refuses an empty file', async () => {
    const { faults } = await readPlans(await folderWith({ 'a.yaml': '' }));
    expect(faults).toEqual([{ file: 'rollout/a.yaml', field: '(whole file)', got: 'expected a document, but the input is empty', expected: 'YAML' }]);
  });

  it('refuses a key that stands twice', async () => {
    const { faults } = await readPlans(await folderWith({ 'a.yaml': `${whole('a')}model: b\n` }));
    expect(faults).toEqual([{ file: 'rollout/a.yaml', field: '(whole file)', got: expect.stringContaining('duplicated mapping key'), expected: 'YAML' }]);
  });

  it('finds all faults of all files', async () => {
    const { faults } = await readPlans(await folderWith({ 'a.yaml': whole('A').replace('1.0.0', '1'), 'b.yaml': whole('B') }));
    expect(faults.map(({ file, field }) => `${file} ${field}`)).toEqual(['rollout/a.yaml model', 'rollout/a.yaml baseline', 'rollout/b.yaml model']);
  });

  it.each(['card.yml', 'card.YAML'])('takes %s for a plan whose name is wrong', async (name) => {
    const { plans, broken, faults } = await readPlans(await folderWith({ [name]: whole('card') }));
    expect(plans).toEqual([]);
    expect(broken).toEqual([{ file: `rollout/${name}`, models: ['card'], baseline: '1.0.0' }]);
    expect(faults).toEqual([{ file: `rollout/${name}`, field: '(whole file)', got: `the name ${name}`, expected: 'a name that ends in .yaml' }]);
  });

  it('lets a plan that holds stand beside a copy whose name is wrong', async () => {
    const { plans, broken, faults } = await readPlans(await folderWith({ 'card.yaml': whole('card'), 'card.yml': whole('card') }));
    expect(plans.map(({ file }) => file)).toEqual(['rollout/card.yaml']);
    expect(broken).toEqual([]);
    expect(faults).toMatchObject([{ file: 'rollout/card.yml' }]);
  });

  it('passes over other files', async () => {
    expect(await readPlans(await folderWith({ 'README.md': 'x', 'a.yaml.partial': 'x', 'a.yaml~': 'x' }))).toEqual({ plans: [], broken: [], faults: [] });
  });

  it('finds no plans in a folder that is not there', async () => {
    expect(await readPlans('/nowhere/rollout')).toEqual({ plans: [], broken: [], faults: [] });
  });

  it('tells of a plan that does not hold which model and baseline it is for', async () => {
    const folder = await folderWith({
      'a.yaml': whole('a').replace('setWeight', 'setWeigth'),
      'b.yaml': `${whole('b')}model: b\n`,
      'c.yaml': whole('other').replace('baseline:', 'basline:'),
      'd.yaml': '',
      'e.yaml': `{ model: e, baseline: 1.0.0`,
      'f.yaml': whole('"f"').replace('1.0.0', "'1.0.0-rc.1'   # ours").replace('kind: Rollout', 'kind: [Rollout'),
    });
    await mkdir(join(folder, 'g.yaml'));
    expect((await readPlans(folder)).broken).toEqual([
      { file: 'rollout/a.yaml', models: ['a'], baseline: '1.0.0' },
      { file: 'rollout/b.yaml', models: ['b'], baseline: '1.0.0' },
      { file: 'rollout/c.yaml', models: ['other', 'c'], baseline: null },
      { file: 'rollout/d.yaml', models: ['d'], baseline: null },
      { file: 'rollout/e.yaml', models: ['e'], baseline: '1.0.0' },
      { file: 'rollout/f.yaml', models: ['f'], baseline: '1.0.0-rc.1' },
      { file: 'rollout/g.yaml', models: ['g'], baseline: null },
    ]);
  });

  it.each([
    ['JSON', '{\n  "model": "a", "baseline": "1.0.0",\n  "steps": [{ "setWeigth": 1 }]\n}\n'],
    ['JSON that ends too early', '{\n  "kind": "Rollout", "model": "a",\n  "baseline": "1.0.0",\n  "steps": [\n'],
    ['keys before spaces', 'model : a\nbaseline : 1.0.0\nsteps: []\n'],
    ['indented keys and no YAML', '  model: a\n  baseline: 1.0.0\n  steps: [\n'],
    ['a byte order mark', '\ufeffmodel: a\nbaseline: 1.0.0\nsteps: []\n'],
    ['a list', '- model: a\n  baseline: 1.0.0\n'],
    ['another baseline in a comment', 'model: a\nbaseline: 1.0.0\n# before, baseline: 0.9.0\nsteps: []\n'],
  ])('tells that of %s as well', async (_, text) => {
    expect((await readPlans(await folderWith({ 'canary.yaml': text }))).broken).toEqual([
      { file: 'rollout/canary.yaml', models: ['a', 'canary'], baseline: '1.0.0' },
    ]);
  });

  it.each([
    ['names none', 'model: a\nbaseline:\ncandidate: 2.0.0\nsteps: [\n'],
    ['names one in its comments', 'model: a\n# baseline: 1.0.0\nsteps: []\n'],
    ['is one word', 'a'],
  ])('knows no baseline of a plan that %s', async (_, text) => {
    expect((await readPlans(await folderWith({ 'a.yaml': text }))).broken).toEqual([{ file: 'rollout/a.yaml', models: ['a'], baseline: null }]);
  });

  it('knows no baseline of a plan that names two: one of them may be the candidate', async () => {
    const folder = await folderWith({ 'a.yaml': whole('a').replace('candidate:', 'baseline:') });
    expect((await readPlans(folder)).broken).toEqual([{ file: 'rollout/a.yaml', models: ['a'], baseline: null }]);
  });

  it('takes a folder that cannot be read for one that may have a plan of any model', async () => {
    const folder = await folderWith({ 'a.yaml': whole('a') });
    expect(await readPlans(join(folder, 'a.yaml'))).toEqual({
      plans: [],
      broken: [{ file: 'a.yaml', models: 'any', baseline: null }],
      faults: [{ file: 'a.yaml', field: '(whole file)', got: expect.stringContaining('ENOTDIR'), expected: 'a folder that can be read' }],
    });
  });

  it('names a folder in place of a plan', async () => {
    const folder = await folderWith({ 'b.yaml': whole('b') });
    await mkdir(join(folder, 'a.yaml'));
    const { plans, faults } = await readPlans(folder);
    expect(plans.map(({ file }) => file)).toEqual(['rollout/b.yaml']);
    expect(faults).toEqual([{ file: 'rollout/a.yaml', field: '(whole file)', got: expect.stringContaining('EISDIR'), expected: 'a file that can be read' }]);
  });
});
