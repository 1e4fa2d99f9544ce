import { appendFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { BundlePlace } from '../../src/bundle/read-bundle.ts';
import { createTrust } from '../../src/bundle/signing/trust.ts';
import type { BundleLibrary } from '../../src/data-plane/bundle-library.ts';
import { createBundleLibrary } from '../../src/data-plane/bundle-library.ts';
import { openVersion } from '../../src/data-plane/inference/open-version.ts';
import type { ModelRegistry } from '../../src/data-plane/registry.ts';
import { createModelRegistry } from '../../src/data-plane/registry.ts';
import { deliver, makeTeamFolders, type TeamFolders } from '../support/bundles.ts';
import { livingWorkers } from '../support/process-is-alive.ts';
import { createRecordingHooks } from '../support/real-bundles.ts';
import { testLauncher } from '../support/test-launcher.ts';

const launcher = testLauncher();

const baseline = { model: 'card-fraud', version: '1.4.0' };

let folders: TeamFolders;
let registry: ModelRegistry;
let library: BundleLibrary;

beforeEach(async () => {
  folders = await makeTeamFolders();
  registry = createModelRegistry();
  library = createBundleLibrary({
    ...folders,
    registry,
    trust: createTrust({ mode: 'warn', keysDir: null }),
    open: (bundle) => openVersion(bundle, { launcher, monotonicMs: () => performance.now(), hooks: createRecordingHooks().hooks }),
  });
});
afterEach(async () => {
  await Promise.all(registry.list().flatMap(({ name, versions }) => [...versions.keys()].map((version) => library.release(name, version))));
  expect(livingWorkers()).toEqual([]);
  await folders.remove();
});

const onlyPlace = async (): Promise<BundlePlace> => {
  const [place] = await library.places();
  if (place === undefined) throw new Error('no bundle was found');
  return place;
};

describe('bundle library', { timeout: 60_000 }, () => {
  test('proves and serves a bundle that arrived, and reports it', async () => {
    await deliver(folders, { from: baseline });
    const report = await library.take(await onlyPlace());
    expect(report).toMatchObject({ ...baseline, digest: expect.stringMatching(/^[0-9a-f]{64}$/), faults: [] });
    expect(report.golden.every(({ ok }) => ok)).toBe(true);
    expect(registry.get('card-fraud')?.versions.get('1.4.0')?.bundle.digest).toBe(report.digest);
    expect(library.reports()).toEqual([report]);
  });

  test('opens a bundle once that is taken twice at the same time', async () => {
    await deliver(folders, { from: baseline });
    const place = await onlyPlace();
    const [first, second] = await Promise.all([library.take(place), library.take(place)]);
    expect(second).toBe(first);
    expect(livingWorkers()).toHaveLength(1);
  });

  test('takes a bundle as it was when somebody looked at it', async () => {
    await deliver(folders, { from: baseline });
    const place = await onlyPlace();
    const looked = library.look(place);
    const { bundle } = await looked;
    await appendFile(join(place.folder, 'README.md'), 'changed');
    expect(await library.take(place, looked)).toMatchObject({ digest: bundle?.digest, faults: [] });
    expect(registry.get('card-fraud')?.versions.get('1.4.0')?.bundle).toBe(bundle);
  });

  test('leaves a served version alone when it is taken again', async () => {
    await deliver(folders, { from: baseline });
    const first = await library.take(await onlyPlace());
    const served = registry.get('card-fraud')?.versions.get('1.4.0');
    expect(await library.take(await onlyPlace())).toEqual(first);
    expect(registry.get('card-fraud')?.versions.get('1.4.0')).toBe(served);
  });

  test('refuses changed files under the name of a served version, which serves on', async () => {
    await deliver(folders, { from: baseline });
    const place = await onlyPlace();
    const { digest } = await library.take(place);
    await appendFile(join(place.folder, 'README.md'), '\nchanged\n');
    const report = await library.take(place);
    expect(report).toMatchObject({
      digest,
      faults: [
        {
          file: 'handoff.yaml',
          field: 'version',
          got: 'files that do not hold under the served version 1.4.0',
          expected: `digest ${digest}, or a new version`,
        },
      ],
    });
    expect(registry.get('card-fraud')?.versions.size).toBe(1);
  });

  test('serves nothing of a bundle whose files do not hold', async () => {
    await deliver(folders, { from: baseline });
    const place = await onlyPlace();
    await appendFile(join(place.folder, 'README.md'), '\nchanged\n');
    const report = await library.take(place);
    expect(report).toMatchObject({ digest: null, faults: [{ file: 'README.md', field: 'sha256' }] });
    expect(registry.list()).toEqual([]);
    expect(library.reports()).toEqual([report]);
  });

  test('serves nothing of a bundle whose golden cases fail', async () => {
    await deliver(folders, { from: baseline, graph: 'models/card-fraud/2.0.0/model.onnx' });
    const report = await library.take(await onlyPlace());
    expect(report.digest).toMatch(/^[0-9a-f]{64}$/);
    expect(report.faults.length).toBeGreaterThan(0);
    expect(registry.list()).toEqual([]);
  });

  test('reports a folder that is gone instead of failing', async () => {
    await deliver(folders, { from: baseline });
    const place = { ...(await onlyPlace()), folder: join(folders.root, 'gone') };
    expect(await library.take(place)).toMatchObject({ digest: null, faults: [{ file: '(bundle)', got: expect.stringContaining('ENOENT') }] });
  });

  test('takes a version out, ends its process and forgets its report', async () => {
    await deliver(folders, { from: baseline });
    await library.take(await onlyPlace());
    expect(livingWorkers()).toHaveLength(1);
    await library.release('card-fraud', '1.4.0');
    expect(livingWorkers()).toEqual([]);
    expect(registry.list()).toEqual([]);
    expect(library.reports()).toEqual([]);
    await library.release('card-fraud', '1.4.0');
  });
});
