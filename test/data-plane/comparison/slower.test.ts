/** A candidate that is slower but right: real graphs in the real process, on a clock that counts its pairs, to the engine's decision. */
import { expect, test } from 'vitest';
import { createMeasure } from '../../../src/control-plane/measure.ts';
import { planSchema } from '../../../src/control-plane/plan.ts';
import { comparisonProcessesBy } from '../../../src/data-plane/comparison/comparison-process.ts';
import { createLane } from '../../../src/data-plane/comparison/lane.ts';
import { createEvidence } from '../../../src/data-plane/observe/evidence.ts';
import { goldenRows } from '../../support/bundles.ts';
import { createRandom } from '../../support/random.ts';
import { brokenModel, realBundle } from '../../support/real-bundles.ts';
import { recordWith } from '../../support/rollout-record.ts';
import { testLauncher } from '../../support/test-launcher.ts';

const launcher = testLauncher();

const model = 'card-fraud';

const plan = planSchema.parse({
  apiVersion: 'handoff/v1',
  kind: 'Rollout',
  model,
  baseline: '1.4.0',
  candidate: '2.0.0',
  steps: [{ shadow: { share: 20, duration: '10m' } }, { setWeight: 10 }],
});

test('a slower candidate is found in the shadow step, before it got traffic', { timeout: 300_000 }, async () => {
  const [old, next] = [await realBundle(model, '1.4.0'), await realBundle(model, '2.0.0')];
  const [row = {}] = await goldenRows(model, ['1.4.0', '2.0.0'], '01-ordinary-purchase.json');
  const record = recordWith({ model, phase: 'progressing', plan: JSON.stringify(plan), acceptance: JSON.stringify(next.acceptance) });
  const random = createRandom(1);
  let nowMs = 0;
  let pairs = 0;
  const evidence = createEvidence({ monotonicMs: () => nowMs, incarnation: 'a-life' });
  const of = { image: null, warmUp: [row] };
  const versions = {
    baseline: { ...of, model: old.modelBytes, contract: old.contract, manifest: old.manifest, labels: old.labels },
    candidate: { ...of, model: await brokenModel('slower'), contract: next.contract, manifest: next.manifest, labels: next.labels },
  };
  const lane = createLane({
    rollout: record.rollout,
    deadlineMs: 10_000,
    maxCpuPercent: 100,
    evidence,
    randomU32: random.u32,
    monotonicMs: () => nowMs,
    start: () => comparisonProcessesBy(launcher)({ versions, deadlineMs: 10_000, maxMemoryMiB: 2_048, monotonicMs: () => performance.now() }),
    hooks: {
      onPair: () => {
        pairs += 1;
        // Thirty-three pairs a second of the clock that the counters go by.
        nowMs += 30;
      },
      onDropped: () => undefined,
      onCpu: () => undefined,
      onUp: () => undefined,
      onEnd: () => undefined,
      onExample: () => undefined,
    },
  });
  evidence.compareWith(record.rollout, lane.lacks);
  const measure = createMeasure({ counters: { ...evidence, incarnation: 'a-life' }, deadlineSecondsOf: () => 10, wallMs: () => 0 });
  try {
    const rule = { sharePercent: 20, maxCpuPercent: 100, differences: [] };
    let assessment = await measure.assess(model, record);
    let lookedAtPairs = 0;
    await expect
      .poll(
        async () => {
          // A budget that is spent, and the start of the process, wait for the clock.
          nowMs += 10;
          for (let offered = 0; offered < 16; offered += 1) lane.offer({ rows: [row], form: 'rows', key: null, requestId: 'a-request', rule });
          if (pairs - lookedAtPairs >= 33) {
            lookedAtPairs = pairs;
            assessment = await measure.assess(model, record);
          }
          return assessment.worse?.name ?? null;
        },
        { timeout: 280_000, interval: 2 },
      )
      .toBe('latency');
    expect(assessment.candidateUnits).toBe(0);
    expect(assessment.worse?.sentence).toMatch(
      /^the candidate was slower than the baseline's p\d+ and the allowed \+10 % or 1 ms \(.* ms or more\) in [\d,]+ of [\d,]+ compared requests/,
    );
    expect(assessment.guardrails.find(({ name }) => name === 'errors')).toMatchObject({ candidate: { events: 0 } });
  } finally {
    await lane.close();
  }
});
