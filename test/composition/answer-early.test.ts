import { expect, it } from 'vitest';
import type { BundlePlace, BundleReading } from '../../src/bundle/read-bundle.ts';
import { answerEarly, type Look } from '../../src/composition/answer-early.ts';
import { planFile } from '../support/rollout-files.ts';

const places: readonly BundlePlace[] = ['2.0.0', '1.4.0'].map((version) => ({ model: 'card-fraud', version, folder: version, goldenFolder: version }));
const nothingRead: BundleReading = { bundle: null, contract: null, faults: [] };
const folders = { model: 'card-fraud', places, plans: [planFile()] };
const registry = { get: () => undefined };

/** Says what it was asked for, in order; the candidate is read when told so. */
const lookWith = (candidateRead: Promise<unknown>) => {
  const steps: string[] = [];
  const look: Look = {
    look: async ({ version }) => {
      steps.push(`look ${version}`);
      if (version === '2.0.0') await candidateRead;
      return nothingRead;
    },
    take: async ({ model, version }) => {
      steps.push(`take ${version}`);
      return { model, version, digest: version, faults: [], golden: [], trust: null };
    },
  };
  return { steps, look };
};

it('reads and proves the planned baseline first, before it is known whether it may answer', async () => {
  const control = Promise.withResolvers<{ answerEarly: () => Promise<void> }>();
  const { steps, look } = lookWith(Promise.resolve());
  const done = answerEarly(folders, look, { registry, control: control.promise });
  expect(steps).toEqual(['look 1.4.0', 'take 1.4.0']);
  control.resolve({ answerEarly: async () => {} });
  await done;
  expect(steps).toEqual(['look 1.4.0', 'take 1.4.0', 'look 2.0.0']);
});

it('lets nobody answer before every bundle of the model was read, whose fields a request may carry', async () => {
  const candidateRead = Promise.withResolvers<void>();
  const { look } = lookWith(candidateRead.promise);
  const events: string[] = [];
  const control = {
    answerEarly: async ({ prove }: { readonly prove: (version: string) => Promise<boolean> }) => {
      const proven = prove('1.4.0').then((holds) => events.push(`proven ${holds}`));
      await new Promise(setImmediate);
      events.push('read');
      candidateRead.resolve();
      await proven;
    },
  };
  await answerEarly(folders, look, { registry, control: Promise.resolve(control) });
  expect(events).toEqual(['read', 'proven true']);
});
