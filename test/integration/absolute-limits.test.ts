/** The absolute limits of a criterion, from acceptance.yaml to the scrape, on real runs and a simulated clock. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { acceptanceSchema } from '../../src/bundle/acceptance.ts';
import { planSchema } from '../../src/control-plane/plan.ts';
import { baselineName, candidateName, type Inputs, model, openAlikeVersions } from '../support/alike-versions.ts';
import { parseMetrics } from '../support/metric-lines.ts';
import { createRandom } from '../support/random.ts';
import { createSimulatedClock } from '../support/simulated-clock.ts';
import { openSimulatedGateway, type SimulatedGateway } from '../support/simulated-gateway.ts';
import { testLauncher } from '../support/test-launcher.ts';

const launcher = testLauncher();
const person = { reason: 'a test', actor: 'a person' };
const live = { appliesTo: ['live'] };
const acceptance = acceptanceSchema.parse({
  apiVersion: 'handoff/v1',
  kind: 'Acceptance',
  criteria: [
    { name: 'errors', metric: { kind: 'errorRate' }, bound: { max: 0.05 }, ...live },
    { name: 'bad-outputs', metric: { kind: 'breachRate' }, bound: { max: 0.05 }, ...live },
    { name: 'flagged', metric: { kind: 'outputRate', output: 'flagged' }, bound: { max: 0.9 }, ...live },
  ],
});
const plan = planSchema.parse({
  apiVersion: 'handoff/v1',
  kind: 'Rollout',
  model,
  baseline: baselineName,
  candidate: candidateName,
  compare: { share: 0, maxCpuPercent: 10 },
  steps: [{ setWeight: 50 }, { pause: {} }, { setWeight: 100 }],
});

/** Limits that are broken, by arm and criterion. */
const brokenIn = async (gateway: SimulatedGateway): Promise<readonly string[]> =>
  parseMetrics(await gateway.scrape())
    .filter(({ name }) => name === 'gateway_bound_broken')
    .flatMap(({ samples }) => samples.filter(({ value }) => value === 1))
    .map(({ labels }) => `${labels.arm} ${labels.criterion} ${labels.objective}`)
    .sort();

test('a limit that both arms break is told of both, blames nobody, and is forgotten with the rollout', async () => {
  const clock = createSimulatedClock(Date.UTC(2026, 4, 1));
  const { baseline, candidate, inputs, close } = await openAlikeVersions(launcher, clock);
  onTestFinished(close);
  const dataDir = await mkdtemp(join(tmpdir(), 'handoff-limits-'));
  onTestFinished(() => rm(dataDir, { recursive: true, force: true }));
  const gateway = await openSimulatedGateway({ dataDir, clock, baseline, candidate, plan, acceptance, randomU32: createRandom(3).u32, name: 'limits' });
  onTestFinished(gateway.close);
  const ask = async (rows: Inputs | undefined, times: number): Promise<void> => {
    const asked = Array.from({ length: times }, () => gateway.ask({ model, version: null, inputs: rows ?? [] }, {}).catch(() => undefined));
    await clock.quiet();
    await clock.pass(10_000);
    await Promise.all(asked);
  };
  /** A minute of requests, one after which the next begins. */
  const minute = async (throwing: number): Promise<void> => {
    await ask(inputs.throws[0], throwing);
    await ask(inputs.ordinary[0], 100 - throwing);
    await clock.pass(40_000);
    await gateway.tick();
  };
  await gateway.control.move(model, { move: 'start' }, person);

  await minute(2);
  await minute(2);
  expect(await brokenIn(gateway)).toEqual([]);

  await minute(40);
  await minute(2);
  expect(await brokenIn(gateway)).toEqual(['baseline errors max', 'candidate errors max']);
  expect(gateway.control.get(model)).toMatchObject({ phase: 'paused', guardrails: [] });

  await gateway.control.move(model, { move: 'rollback' }, person);
  await ask(inputs.ordinary[0], 1);
  expect(await gateway.scrape()).not.toContain('gateway_bound_broken{');
});
