import { describe, expect, test } from 'vitest';
import { createComparison } from '../../../src/data-plane/comparison/comparison.ts';
import type { ComparisonProcess, ComparisonProcessDeps } from '../../../src/data-plane/comparison/comparison-process.ts';
import { compileContract } from '../../../src/data-plane/contract/compile-contract.ts';
import type { ServingVersion } from '../../../src/data-plane/inference/serving-version.ts';
import { createEvidence } from '../../../src/data-plane/observe/evidence.ts';
import { createModelRegistry } from '../../../src/data-plane/registry.ts';
import type { Assignment } from '../../../src/data-plane/routing/assign.ts';
import type { ComparisonRule, RolloutAssignment } from '../../../src/store/traffic-assignment.ts';
import { createRandom } from '../../support/random.ts';
import { realBundle } from '../../support/real-bundles.ts';

const model = 'card-fraud';
const rule: ComparisonRule = { sharePercent: 20, maxCpuPercent: 10, differences: [] };
const split: Assignment = { arm: 'baseline', version: '1.4.0', reason: 'split', probability: 0, evidence: false, draw: 0 };

const versionOf = async (version: string): Promise<ServingVersion> => {
  const bundle = await realBundle(model, version);
  return { bundle, contract: compileContract(bundle.contract, bundle.manifest) } as ServingVersion;
};

/** A comparison whose processes never come up: what is drawn is dropped, and counted. */
const start = async () => {
  const registry = createModelRegistry();
  registry.add(await versionOf('1.4.0'));
  registry.add(await versionOf('2.0.0'));
  const evidence = createEvidence({ monotonicMs: () => 0, incarnation: 'a-life' });
  const started: ComparisonProcessDeps[] = [];
  const random = createRandom(1);
  let offered = 0;
  const comparison = createComparison({
    registry,
    evidence,
    randomU32: random.u32,
    monotonicMs: () => 0,
    startProcess: (deps) => {
      started.push(deps);
      return new Promise<ComparisonProcess>(() => undefined);
    },
    hooksFor: () => ({
      onPair: () => undefined,
      onDropped: () => {
        offered += 1;
      },
      onCpu: () => undefined,
      onUp: () => undefined,
      onEnd: () => undefined,
      onExample: () => undefined,
    }),
  });
  let epoch = 0;
  const assign = (rollout: Partial<RolloutAssignment> | null): void => {
    epoch += 1;
    const whole: RolloutAssignment = {
      id: 'a-rollout',
      candidate: '2.0.0',
      weightHundredths: 0,
      eligibility: 'full',
      routingKey: null,
      match: [],
      watchedOutputs: [],
      compare: rule,
      bounds: [],
    };
    registry.assign({ model, epoch, baseline: '1.4.0', rollout: rollout === null ? null : { ...whole, ...rollout } });
    comparison.follow(model);
  };
  const offer = (assignment: Assignment, times = 1): void => {
    const serving = registry.get(model);
    for (let time = 0; serving !== undefined && time < times; time += 1)
      comparison.offer(serving, { assignment, rows: [], form: 'rows', requestId: 'a-request', routingKeyHash: '0123456789abcdef' });
  };
  return { assign, offer, started, drawn: () => offered, evidence, comparison };
};

describe('the comparison sample', () => {
  test('starts a process for a rollout, with both versions under the baseline deadline, and another one for the next', async () => {
    const { assign, started, evidence } = await start();
    assign(null);
    expect(started).toHaveLength(0);
    assign({});
    assign({ weightHundredths: 1_000, compare: { ...rule, sharePercent: 5 } });
    expect(started.map(({ deadlineMs, maxMemoryMiB }) => ({ deadlineMs, maxMemoryMiB }))).toEqual([{ deadlineMs: 250, maxMemoryMiB: 256 + 512 + 512 }]);
    expect(evidence.observe('a-rollout').notCompared).toBe('the comparison process is starting');
    assign({ id: 'the-next' });
    expect(started).toHaveLength(2);
    assign({ id: 'the-next', compare: null });
    assign({ id: 'the-next' });
    expect(started).toHaveLength(3);
  });

  test('draws the share of the requests that the coin could have sent either way, at weight 0 too', async () => {
    const { assign, offer, drawn } = await start();
    assign({});
    offer(split, 10_000);
    // The first sixteen wait for the process.
    expect(drawn() + 16).toBeGreaterThan(1_800);
    expect(drawn() + 16).toBeLessThan(2_200);
  });

  test.each(['targeting_match', 'static', 'default', 'disabled'] as const)('leaves out what is no evidence: %s', async (reason) => {
    const { assign, offer, drawn } = await start();
    assign({ compare: { ...rule, sharePercent: 100 } });
    offer({ ...split, reason }, 100);
    expect(drawn()).toBe(0);
  });

  test('begins nothing after the drain', async () => {
    const { assign, offer, drawn, comparison, started } = await start();
    assign({ compare: { ...rule, sharePercent: 100 } });
    comparison.drain();
    offer(split, 5);
    expect(drawn()).toBe(5);
    assign({ id: 'the-next' });
    expect(started).toHaveLength(1);
  });
});
