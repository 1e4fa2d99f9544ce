/** Each seeded defect is caught by exactly the rule that is meant for it, and a whole bundle by none. */
import { readFile, rm, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { readBundle } from '../../src/bundle/read-bundle.ts';
import { readTrustedKeys } from '../../src/bundle/signing/keys.ts';
import { signBundle } from '../../src/bundle/signing/sign-bundle.ts';
import { signoffRoles, writeSignoff } from '../../src/bundle/signoffs.ts';
import { runChecklist } from '../../src/checklist/checklist.ts';
import type { RuleId } from '../../src/checklist/finding.ts';
import { systemClock } from '../../src/clock.ts';
import { type BundleCopy, copyBundle, placeOf } from '../support/bundle-copy.ts';
import { makeSigningKeys } from '../support/signing-keys.ts';
import { testLauncher } from '../support/test-launcher.ts';
import { testVocabulary } from '../support/vocabulary.ts';

const launcher = testLauncher();

/** A machine that has everything and is as fast as the one of the promise, so that only the bundle is judged. */
const machineFor = (referenceMs: number) => ({ cores: 64, memoryMiB: 1_000_000, cpuFlags: new Set(['avx2']), referenceMs });

type Edit = (copy: BundleCopy) => Promise<void>;

interface Defect {
  readonly rule: RuleId;
  readonly what: string;
  readonly edit: Edit;
  /** Done after digests and sign-offs are made true again. */
  readonly after?: Edit;
  readonly model?: 'card-fraud';
}

// biome-ignore lint/suspicious/noExplicitAny: a parsed file of any shape, to be broken at will
type Document = any;

const manifest =
  (change: (document: Document) => void): Edit =>
  (copy) =>
    copy.editYaml('handoff.yaml', change);
const acceptance =
  (change: (document: Document) => void): Edit =>
  (copy) =>
    copy.editYaml('acceptance.yaml', change);
/** Changes the field `name` of the contract. */
const field =
  (name: string, change: (entry: Document) => void): Edit =>
  (copy) =>
    copy.editYaml('contract.odcs.yaml', (document) =>
      change(document.schema.flatMap((object: Document) => object.properties).find((entry: Document) => entry.name === name)),
    );
const contract =
  (change: (document: Document) => void): Edit =>
  (copy) =>
    copy.editYaml('contract.odcs.yaml', change);
const without = (property: string) => (entry: Document) => {
  entry.customProperties = entry.customProperties.filter((one: Document) => one.property !== property);
};
const text =
  (file: string, from: string | RegExp, to: string): Edit =>
  (copy) =>
    copy.edit(file, (before) => {
      const changed = before.replace(from, to);
      expect(changed, `${file} has ${String(from)}`).not.toBe(before);
      return changed;
    });
const nothing: Edit = async () => undefined;

const goldenFile = '01-twenty-documents.json';
const editGolden =
  (change: (golden: Document) => void): Edit =>
  async (copy) => {
    const golden: Document = JSON.parse(await readFile(join(copy.place.goldenFolder, goldenFile), 'utf8'));
    change(golden);
    await copy.writeGolden(goldenFile, JSON.stringify(golden));
  };

const defects: readonly Defect[] = [
  { rule: 'manifest-valid', what: 'a key that nobody knows', edit: manifest((m) => Object.assign(m, { colour: 'blue' })) },
  { rule: 'artifact-missing', what: 'a listed file that is gone', edit: nothing, after: (copy) => copy.remove('training/measure.py') },
  { rule: 'artifact-unlisted', what: 'a file that is not listed', edit: nothing, after: (copy) => copy.write('notes.txt', 'x') },
  { rule: 'artifact-digest', what: 'a wrong digest', edit: nothing, after: (copy) => copy.edit('RUNBOOK.md', (before) => `${before} `) },
  { rule: 'artifact-regular', what: 'a link', edit: nothing, after: (copy) => symlink('README.md', join(copy.place.folder, 'link.md')) },
  { rule: 'golden-digest', what: 'an edited golden case', edit: nothing, after: editGolden((g) => Object.assign(g, { source: 'somebody' })) },
  { rule: 'golden-valid', what: 'a golden case without a source', edit: editGolden((g) => delete g.source) },
  {
    rule: 'golden-answer',
    what: 'a stale golden value',
    edit: editGolden((g) => Object.assign(g.expected.outputs[0], { score: g.expected.outputs[0].score + 0.01 })),
  },
  { rule: 'golden-tolerance', what: 'a golden case that cannot fail', edit: editGolden((g) => Object.assign(g, { tolerance: { absolute: 1e9 } })) },
  {
    rule: 'golden-source',
    what: 'a golden case made by the runtime',
    edit: editGolden((g) => Object.assign(g, { source: 'the runtime itself, when the bundle was first written' })),
  },
  { rule: 'contract-readable', what: 'a required field with an imputed value', edit: field('rating_mean', (f) => Object.assign(f, { required: true })) },
  {
    rule: 'contract-graph',
    what: 'a tensor that the graph does not have',
    edit: async (copy) => {
      await contract((c) =>
        Object.assign(
          c.schema.find((one: Document) => one.name === 'scores'),
          { physicalName: 'relevance' },
        ),
      )(copy);
      await manifest((m) => Object.assign(m.interface.outputs[0], { tensor: 'relevance' }))(copy);
    },
  },
  { rule: 'graph-loads', what: 'a graph that is none', edit: (copy) => copy.write('model.onnx', 'not a graph') },
  { rule: 'interface-contract', what: 'columns in another order', edit: manifest((m) => m.interface.inputs[0].steps[0].order.reverse()) },
  { rule: 'field-described', what: 'a field without a description', edit: field('ctr_7d', (f) => delete f.description) },
  { rule: 'field-unit', what: 'a missing unit', edit: field('bm25_title', without('unit')) },
  { rule: 'field-range', what: 'a number without a highest value', edit: field('title_length', (f) => delete f.logicalTypeOptions.maximum) },
  { rule: 'field-domain', what: 'a text without a limit', edit: field('doc_id', (f) => delete f.logicalTypeOptions) },
  {
    rule: 'field-time-zone',
    what: 'an hour without a time zone',
    model: 'card-fraud',
    edit: async (copy) => {
      await field('hour', (f) => {
        without('timeZone')(f);
        without('timePart')(f);
      })(copy);
      await copy.editYaml('transforms.yaml', (t) => {
        for (const one of t.cases) {
          delete one.row.hour;
          delete one.expect.hour;
        }
      });
      // The golden case that sends a time for the hour sends the hour.
      const file = '07-timestamp-in-brussels.json';
      const golden: Document = JSON.parse(await readFile(join(copy.place.goldenFolder, file), 'utf8'));
      for (const row of golden.request.inputs) row.hour = 0;
      await copy.writeGolden(file, JSON.stringify(golden));
    },
  },
  { rule: 'field-class', what: 'a field without a classification', edit: field('price', (f) => delete f.classification) },
  { rule: 'field-personal', what: 'public personal data', model: 'card-fraud', edit: field('amount', (f) => Object.assign(f, { classification: 'public' })) },
  { rule: 'field-provenance', what: 'a field from nowhere', edit: field('price', without('provenance')) },
  { rule: 'field-refresh', what: 'a field of unknown age', edit: field('bm25_body', without('refresh')) },
  { rule: 'field-leakage', what: 'an aggregate that says nothing of leakage', edit: field('ctr_7d', without('leakage')) },
  { rule: 'field-examples', what: 'an example out of range', edit: field('bm25_title', (f) => Object.assign(f, { examples: [61] })) },
  { rule: 'contract-locale', what: 'no locale', edit: contract(without('locale')) },
  {
    rule: 'drift-watched',
    what: 'a drift-sensitive field without a rule',
    edit: field('price', (f) => f.customProperties.push({ property: 'driftSensitive', value: true })),
  },
  { rule: 'drift-baseline', what: 'a reference that is no JSON', edit: (copy) => copy.write('baseline.json', '{"fields": ') },
  {
    rule: 'drift-baseline',
    what: 'a drift rule without a reference',
    edit: (copy) => copy.edit('baseline.json', (before) => before.replace('"ctr_7d"', '"ctr_8d"')),
  },
  {
    rule: 'retention-stated',
    what: 'no retention',
    edit: contract((c) => Object.assign(c, { slaProperties: c.slaProperties.filter((one: Document) => one.property !== 'retention') })),
  },
  { rule: 'privacy-stated', what: 'personal data without a ground', model: 'card-fraud', edit: manifest((m) => delete m.privacy) },
  { rule: 'environment-pinned', what: 'an unpinned requirement', edit: text('training/requirements.txt', /numpy==\S+/, 'numpy>=2') },
  { rule: 'training-declared', what: 'nothing said of how it is rebuilt', edit: manifest((m) => delete m.training) },
  { rule: 'hardware-declared', what: 'no hardware', edit: manifest((m) => delete m.hardware) },
  { rule: 'hardware-present', what: 'a feature that this machine lacks', edit: manifest((m) => Object.assign(m.hardware, { cpuFlags: ['quantum'] })) },
  { rule: 'memory-budget', what: 'more memory budget than memory', edit: manifest((m) => Object.assign(m.budgets, { memoryMiB: 4096 })) },
  {
    rule: 'latency-budget',
    what: 'a latency that no machine keeps',
    edit: async (copy) => {
      await manifest((m) => Object.assign(m.budgets, { latencyP95Ms: 0.001 }))(copy);
      await text('slo.openslo.yaml', 'le="0.03"', 'le="0.000001"')(copy);
    },
  },
  { rule: 'throughput-budget', what: 'a throughput that no machine keeps', edit: manifest((m) => Object.assign(m.budgets, { throughputRowsPerSecond: 1e12 })) },
  { rule: 'deadline-budget', what: 'no room for a rescue', edit: manifest((m) => Object.assign(m.budgets, { deadlineMs: 59 })) },
  { rule: 'acceptance-valid', what: 'an unknown kind of metric', edit: acceptance((a) => Object.assign(a.criteria[0].metric, { kind: 'happiness' })) },
  { rule: 'acceptance-live', what: 'nobody watches errors', edit: acceptance((a) => a.criteria.splice(1, 1)) },
  {
    rule: 'acceptance-names',
    what: 'a fault on a field that is not there',
    edit: acceptance((a) => Object.assign(a.faults[4], { swap: ['ctr_7d', 'nothing'] })),
  },
  { rule: 'faults-declared', what: 'no faults', edit: acceptance((a) => Object.assign(a, { faults: [] })) },
  { rule: 'evaluation-there', what: 'a case without labels', edit: text('evaluation/cases.jsonl', /"labels":\[\d/, '"labels":[') },
  {
    rule: 'evaluation-stated',
    what: 'a typed-in metric',
    edit: async (copy) =>
      copy.edit('evaluation/metrics.json', (before) => {
        const metrics: Document = JSON.parse(before);
        metrics.cases.ndcgAt10 = 0.99;
        return JSON.stringify(metrics);
      }),
  },
  { rule: 'evaluation-stated', what: 'metrics that are no JSON', edit: (copy) => copy.write('evaluation/metrics.json', '{"cases": ') },
  { rule: 'evaluation-stated', what: 'metrics that are null', edit: (copy) => copy.write('evaluation/metrics.json', 'null') },
  { rule: 'evaluation-there', what: 'groups of labels that are no JSON', edit: (copy) => copy.write('evaluation/label-groups.json', '{"cat": ') },
  { rule: 'evaluation-there', what: 'groups of labels that are no lists', edit: (copy) => copy.write('evaluation/label-groups.json', '{"cat": 5}') },
  {
    rule: 'evaluation-compared',
    what: 'a case that the baseline refuses',
    edit: async (copy) => {
      await field('price', (f) => Object.assign(f.logicalTypeOptions, { maximum: 2 * f.logicalTypeOptions.maximum }))(copy);
      await text('evaluation/cases.jsonl', /"price": ?[\d.]+/, '"price":100001')(copy);
    },
  },
  {
    rule: 'criterion-met',
    what: 'a bound broken within the margin',
    edit: acceptance((a) => Object.assign(a.criteria[0], { bound: { min: 0.99 } })),
  },
  { rule: 'criterion-met', what: 'a criterion missed', edit: acceptance((a) => Object.assign(a.criteria[0], { margin: { relative: -0.2 } })) },
  { rule: 'transforms-tested', what: 'an imputation that nothing tests', edit: (copy) => copy.editYaml('transforms.yaml', (t) => t.cases.shift()) },
  {
    rule: 'transforms-hold',
    what: 'a wrong factor',
    edit: field('price', (f) =>
      Object.assign(
        f.customProperties.find((one: Document) => one.property === 'acceptedUnits'),
        { value: { cent: 0.011 } },
      ),
    ),
    after: nothing,
  },
  { rule: 'slo-valid', what: 'an objective of 110 %', edit: text('slo.openslo.yaml', /target: 0\.\d+/, 'target: 1.1') },
  {
    rule: 'slo-measured',
    what: 'an objective over a metric that is not there',
    edit: text('slo.openslo.yaml', 'gateway_inference_requests_total', 'gateway_inference_wishes_total'),
  },
  { rule: 'slo-agrees', what: 'another latency than the budget', edit: text('slo.openslo.yaml', 'le="0.03"', 'le="0.05"') },
  { rule: 'runbook-there', what: 'no table of symptoms', edit: (copy) => copy.write('RUNBOOK.md', '# Runbook\n\nCall somebody.\n') },
  { rule: 'runbook-diagnostic', what: 'a symptom without a diagnostic', edit: text('RUNBOOK.md', /\| `POST \/outcomes`[^|]*\|/, '| look around |') },
  { rule: 'runbook-action', what: 'a symptom without an action', edit: text('RUNBOOK.md', /more CPU, `kubectl[^|]*\|/, 'wait |') },
  {
    rule: 'runbook-command',
    what: 'a command that is none',
    edit: text('RUNBOOK.md', 'handoff rollout pause search-ranker', 'handoff rollout halt search-ranker'),
  },
  { rule: 'runbook-covers', what: 'a drift rule without a symptom', edit: text('RUNBOOK.md', '| Drift of ctr_7d |', '| Drift |') },
  { rule: 'card-front-matter', what: 'no licence', edit: text('README.md', /^license: .*\n/m, '') },
  { rule: 'card-sections', what: 'an empty section', edit: text('README.md', /## Environmental Impact\n[\s\S]*?\n## /, '## Environmental Impact\n\n## ') },
  { rule: 'card-handoff', what: 'no rollback criteria', edit: text('README.md', '### Rollout and rollback', '### Other') },
  { rule: 'owners-named', what: 'an owner without an address', edit: manifest((m) => Object.assign(m.owners.product, { contact: 'somebody' })) },
  { rule: 'on-call-named', what: 'an escalation to nobody', edit: manifest((m) => Object.assign(m.runbook, { escalation: ['the boss'] })) },
  { rule: 'filled-in', what: 'words of a draft', edit: text('README.md', '## Citation\n', '## Citation\n\nTo cite: to be filled in.\n') },
  { rule: 'signed-off', what: 'nobody of engineering signed off', edit: nothing, after: (copy) => copy.editYaml('signoffs.yaml', (s) => s.signoffs.pop()) },
  {
    rule: 'sign-off-current',
    what: 'changed after the sign-off',
    edit: nothing,
    after: async (copy) => {
      await copy.edit('RUNBOOK.md', (before) => `${before}\nOne more line.\n`);
      await copy.seal();
    },
  },
];

const versions = { 'card-fraud': ['2.0.0', '1.4.0'], 'search-ranker': ['1.3.2', '1.2.0'] } as const;

const signOffAll = async ({ place }: BundleCopy): Promise<void> => {
  const { bundle } = await readBundle(place);
  if (bundle === null) return;
  for (const role of signoffRoles) await writeSignoff(place.folder, { role, by: 'a test', at: '2026-05-01', digest: bundle.digest });
};

const rulesBroken = async ({
  model = 'search-ranker',
  edit,
  after = nothing,
}: Pick<Defect, 'edit' | 'after'> & { readonly model?: keyof typeof versions }): Promise<readonly RuleId[]> => {
  const [version, baseline] = versions[model];
  const copy = await copyBundle(model, version);
  await edit(copy);
  await copy.seal();
  await signOffAll(copy);
  await after(copy);
  const { bundle } = await readBundle(copy.place);
  const machine = machineFor(bundle?.manifest.hardware?.referenceMs ?? 1);
  const { findings } = await runChecklist(copy.place, placeOf(model, baseline), {
    machine,
    vocabulary: await testVocabulary(),
    monotonicMs: systemClock.monotonicMs,
    launcher,
    trustedKeys: [],
  });
  return [...new Set(findings.map(({ rule }) => rule))];
};

describe('the handoff checklist', () => {
  it.each(['search-ranker', 'card-fraud'] as const)('finds nothing in %s', async (model) => {
    expect(await rulesBroken({ model, edit: nothing })).toEqual([]);
  });

  it.each(defects)('$rule catches $what, and it alone', async ({ rule, ...defect }) => {
    expect(await rulesBroken(defect)).toEqual([rule]);
  });

  it('has a defect for at least forty rules', () => {
    expect(new Set(defects.map(({ rule }) => rule)).size).toBeGreaterThanOrEqual(40);
  });

  it.each([
    ['nothing in a signed bundle', async () => undefined, []],
    ['a bundle that nobody signed', async ({ place }: BundleCopy) => rm(join(place.folder, 'model.sig')), ['signed']],
    [
      'a golden case that was edited after the signature, digests and all',
      async (copy: BundleCopy) => {
        await editGolden((g) => Object.assign(g, { source: 'somebody else' }))(copy);
        await copy.seal();
        await signOffAll(copy);
      },
      ['signed'],
    ],
  ] as const)('finds by the keys that are named: %s', async (_, after, expected) => {
    const keys = await makeSigningKeys();
    onTestFinished(keys.remove);
    const copy = await copyBundle('search-ranker', '1.3.2');
    const { bundle } = await copy.read();
    if (bundle === null) throw new Error('the copy cannot be read');
    await signBundle(bundle, keys.privateKey);
    await after(copy);
    const deps = {
      machine: machineFor(bundle.manifest.hardware?.referenceMs ?? 1),
      vocabulary: await testVocabulary(),
      monotonicMs: systemClock.monotonicMs,
      launcher,
    };
    const { findings } = await runChecklist(copy.place, null, { ...deps, trustedKeys: await readTrustedKeys(keys.trustedKeysDir) });
    expect([...new Set(findings.map(({ rule }) => rule))]).toEqual(expected);
  });
});
