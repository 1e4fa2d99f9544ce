import { beforeAll, describe, expect, test } from 'vitest';
import type { Bundle } from '../../src/bundle/read-bundle.ts';
import { compileContract } from '../../src/data-plane/contract/compile-contract.ts';
import type { ServingVersion } from '../../src/data-plane/inference/serving-version.ts';
import { createModelRegistry } from '../../src/data-plane/registry.ts';
import type { TrafficAssignment } from '../../src/store/traffic-assignment.ts';
import { realBundle } from '../support/real-bundles.ts';

/** What the registry reads of a version: no process is needed for that. */
const versionOf = (bundle: Bundle): ServingVersion => ({ bundle, contract: compileContract(bundle.contract, bundle.manifest) }) as ServingVersion;

const split = (epoch: number, weightHundredths = 1_000): TrafficAssignment => ({
  model: 'card-fraud',
  epoch,
  baseline: '1.4.0',
  rollout: {
    id: '01J',
    candidate: '2.0.0',
    weightHundredths,
    eligibility: 'full',
    routingKey: null,
    match: [],
    watchedOutputs: [],
    compare: null,
    bounds: [],
  },
});

let baseline: ServingVersion;
let candidate: ServingVersion;

beforeAll(async () => {
  baseline = versionOf(await realBundle('card-fraud', '1.4.0'));
  candidate = versionOf(await realBundle('card-fraud', '2.0.0'));
});

describe('model registry', () => {
  test('knows no model before one is added, and none after the last version is gone', () => {
    const registry = createModelRegistry();
    expect(registry.get('card-fraud')).toBeUndefined();
    registry.add(baseline);
    expect(registry.list().map(({ name }) => name)).toEqual(['card-fraud']);
    expect(registry.remove('card-fraud', '1.4.0')).toBe(baseline);
    expect(registry.get('card-fraud')).toBeUndefined();
    expect(registry.list()).toEqual([]);
  });

  test('has no baseline before an assignment names one', () => {
    const registry = createModelRegistry();
    registry.add(baseline);
    expect(registry.get('card-fraud')).toMatchObject({ baseline: null, candidate: null, contracts: null, traffic: { baseline: null, rollout: null } });
  });

  test('puts an assignment in force, with both contracts', () => {
    const registry = createModelRegistry();
    registry.add(baseline);
    registry.add(candidate);
    registry.assign(split(1));
    const model = registry.get('card-fraud');
    expect(model?.traffic).toEqual(split(1));
    expect([model?.baseline, model?.candidate]).toEqual([baseline, candidate]);
    expect(model?.contracts).toEqual({ baseline: baseline.contract, candidate: candidate.contract, known: model?.known });
  });

  test('keeps an assignment that comes before the versions that it names', () => {
    const registry = createModelRegistry();
    registry.assign(split(1));
    expect(registry.get('card-fraud')).toBeUndefined();
    registry.add(baseline);
    expect(registry.get('card-fraud')?.traffic).toEqual({ ...split(1), rollout: null });
    registry.add(candidate);
    expect(registry.get('card-fraud')?.traffic).toEqual(split(1));
  });

  test('sends nothing to a candidate that is taken out, and again to one that comes back', () => {
    const registry = createModelRegistry();
    registry.add(baseline);
    registry.add(candidate);
    registry.assign(split(1));
    registry.remove('card-fraud', '2.0.0');
    expect(registry.get('card-fraud')).toMatchObject({ candidate: null, traffic: { baseline: '1.4.0', rollout: null } });
    registry.add(candidate);
    expect(registry.get('card-fraud')?.candidate).toBe(candidate);
  });

  test('ignores an assignment older than the one in force', () => {
    const registry = createModelRegistry();
    registry.add(baseline);
    registry.add(candidate);
    registry.assign(split(7, 2_500));
    registry.assign(split(6, 10_000));
    expect(registry.get('card-fraud')?.traffic).toEqual(split(7, 2_500));
  });

  test('knows the fields of every loaded version, and only of these', () => {
    const registry = createModelRegistry();
    registry.add(baseline);
    expect(registry.get('card-fraud')?.known.has('term_disputes_24h_5m')).toBe(false);
    registry.add(candidate);
    expect(registry.get('card-fraud')?.known.has('term_disputes_24h_5m')).toBe(true);
    expect(registry.get('card-fraud')?.known.has('term_risk_7d')).toBe(true);
    registry.remove('card-fraud', '2.0.0');
    expect(registry.get('card-fraud')?.known.has('term_disputes_24h_5m')).toBe(false);
  });

  test('leaves a snapshot as it was when something changes', () => {
    const registry = createModelRegistry();
    registry.add(baseline);
    registry.assign({ ...split(1), rollout: null });
    const before = registry.get('card-fraud');
    registry.add(candidate);
    registry.assign(split(2));
    expect([...(before?.versions.keys() ?? [])]).toEqual(['1.4.0']);
    expect(before?.traffic.epoch).toBe(1);
  });

  test('removes nothing that is not there', () => {
    const registry = createModelRegistry();
    registry.add(baseline);
    expect(registry.remove('card-fraud', '9.9.9')).toBeUndefined();
    expect(registry.remove('other', '1.4.0')).toBeUndefined();
    expect(registry.get('card-fraud')?.versions.size).toBe(1);
  });
});
