/**
 * Hundreds of rollouts whose candidate is the very model of the baseline, through the gateway's own request path on a simulated clock:
 * real runs of a real graph that fail, slowly, at rates that drift while the weight rises. At most a share alpha of them may be rolled back.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, type TestContext, test } from 'vitest';
import { acceptanceSchema } from '../../src/bundle/acceptance.ts';
import type { GuardrailState } from '../../src/control-plane/assessment.ts';
import { planSchema } from '../../src/control-plane/plan.ts';
import type { ServingVersion } from '../../src/data-plane/inference/serving-version.ts';
import { type AlikeVersions, answeringLate, baselineName, candidateName, failingMore, model, openAlikeVersions } from '../support/alike-versions.ts';
import { type Ending, playRollout, type RolloutTraffic, singleVersionAnswers } from '../support/play-rollouts.ts';
import { createRandom } from '../support/random.ts';
import { createSimulatedClock, type SimulatedClock } from '../support/simulated-clock.ts';
import { openSimulatedGateway } from '../support/simulated-gateway.ts';
import { testLauncher } from '../support/test-launcher.ts';

const launcher = testLauncher();

/** Of the plan, the product's default. */
const alpha = 0.01;
/** Without any margin an identical candidate is exactly at the limit of what is allowed. */
const live = { compareTo: 'baseline', appliesTo: ['live'] };
const acceptance = acceptanceSchema.parse({
  apiVersion: 'handoff/v1',
  kind: 'Acceptance',
  criteria: [
    { name: 'errors', metric: { kind: 'errorRate' }, margin: { absolute: 0 }, ...live },
    { name: 'bad-outputs', metric: { kind: 'breachRate' }, margin: { absolute: 0 }, ...live },
    { name: 'flagged', metric: { kind: 'outputRate', output: 'flagged' }, margin: { relative: 0 }, ...live },
  ],
});

const analysis = (atLeast: string) => ({ analysis: { atLeast, minSamples: 1, deadline: '1h', require: [] } });
const planFor = (users: number | null) =>
  planSchema.parse({
    apiVersion: 'handoff/v1',
    kind: 'Rollout',
    model,
    baseline: baselineName,
    candidate: candidateName,
    compare: { share: 0, maxCpuPercent: 10 },
    ...(users === null ? {} : { routingKey: { header: 'x-routing-key' } }),
    risk: { falseRollback: alpha, falsePromotion: 0.05 },
    block: '4s',
    steps: [{ setWeight: 10 }, analysis('2s'), { setWeight: 25 }, analysis('3s'), { setWeight: 50 }, analysis('12s'), { pause: {} }],
  });

/** By seed. Each series has a clock of its own, so that they can be played at once. */
const pairs = new Map<number, { readonly clock: SimulatedClock; readonly versions: AlikeVersions }>();

interface Series extends RolloutTraffic {
  readonly rollouts: number;
  readonly seed: number;
  readonly baselineOf?: (version: ServingVersion) => ServingVersion;
  readonly candidateOf?: (version: ServingVersion) => ServingVersion;
}

/** So many rollouts one after the other, attempts of one gateway with a store in a temporary folder. */
const play = async (
  { onTestFinished }: Pick<TestContext, 'onTestFinished'>,
  { rollouts, seed, baselineOf = (version) => version, candidateOf = (version) => version, ...traffic }: Series,
): Promise<readonly Ending[]> => {
  const opened = pairs.get(seed);
  if (opened === undefined) throw new Error(`no versions were opened for the series ${seed}`);
  const { clock, versions } = opened;
  const dataDir = await mkdtemp(join(tmpdir(), 'handoff-aa-'));
  onTestFinished(() => rm(dataDir, { recursive: true, force: true }));
  const { inputs } = versions;
  const baseline = baselineOf(versions.baseline);
  const candidate = candidateOf(versions.candidate);
  const parts = { dataDir, clock, baseline, candidate, plan: planFor(traffic.users), acceptance, name: `series-${seed}` };
  const gateway = await openSimulatedGateway({ ...parts, randomU32: createRandom(seed).u32 });
  onTestFinished(gateway.close);
  const answers = await singleVersionAnswers({ clock, gateway, inputs });
  const endings: Ending[] = [];
  for (let rollout = 1; rollout <= rollouts; rollout += 1) endings.push(await playRollout({ clock, gateway, inputs, answers }, traffic, seed + rollout));
  return endings;
};

/** P(X >= k) of a binomial count. */
const chanceOf = (k: number, n: number, p: number): number => {
  let mass = (1 - p) ** n;
  let below = 0;
  for (let count = 0; count < k; count += 1) {
    below += mass;
    mass *= ((n - count) / (count + 1)) * (p / (1 - p));
  }
  return 1 - below;
};

const countOf = (endings: readonly Ending[], holds: (ending: Ending) => boolean): number => endings.filter(holds).length;
const eventsOf = (side: GuardrailState['baseline']): number => side?.events ?? 0;
const failuresOf = ({ guardrails }: Ending, arm: 'baseline' | 'candidate'): number =>
  guardrails.reduce((sum, guardrail) => sum + (guardrail.name === 'flagged' ? 0 : eventsOf(guardrail[arm])), 0);

/** One-sided test of two proportions over all weights together, at a nominal 1 %. */
const looksWorsePooled = ({ baseline, candidate }: GuardrailState): boolean => {
  const [n0, n1] = [baseline?.n ?? 0, candidate?.n ?? 0];
  const [p0, p1] = [eventsOf(baseline) / n0, eventsOf(candidate) / n1];
  const p = (eventsOf(baseline) + eventsOf(candidate)) / (n0 + n1);
  return p1 - p0 > 2.326 * Math.sqrt(p * (1 - p) * (1 / n0 + 1 / n1));
};

const alike = [
  { way: 'without keys', users: null, seed: 10_000 },
  { way: 'with keys that come again', users: 400, seed: 20_000 },
];
const late = [
  { way: 'without keys', users: null, seed: 50_000 },
  { way: 'with keys', users: 20_000, seed: 60_000 },
];
const unlike = [
  { way: 'without keys', users: null, seed: 30_000 },
  { way: 'with keys', users: 20_000, seed: 40_000 },
];

/** How unlikely a count may be before it is not believed to come from its rate. */
const leastChance = 0.001;
/** A limit against hanging, not a measure of speed. */
const timeout = 1_200_000;

// Versions are proven in processes that give way to this one: before it has much to do.
beforeAll(async () => {
  for (const { seed } of [...alike, ...late, ...unlike]) {
    const clock = createSimulatedClock(Date.UTC(2026, 4, 1));
    pairs.set(seed, { clock, versions: await openAlikeVersions(launcher, clock) });
  }
}, timeout);
afterAll(async () => void (await Promise.all([...pairs.values()].map(({ versions }) => versions.close()))));

describe.concurrent('250 rollouts of an identical candidate', { timeout }, () => {
  test.for(alike)('$way are rolled back no more often than alpha allows', async ({ users, seed }, { expect, onTestFinished }) => {
    const rollouts = 250;
    const endings = await play({ onTestFinished }, { users, seed, rollouts, seconds: 14, perSecond: 32 });
    // By Ville's inequality each level holds for the largest evidence of a whole rollout; the first is that of a rollback.
    for (const level of [alpha, 0.05, 0.1]) {
      const reached = countOf(endings, ({ peak }) => peak >= 1 / level);
      expect(chanceOf(reached, rollouts, level), `${reached} of ${rollouts} reached ${1 / level}`).toBeGreaterThanOrEqual(leastChance);
    }
    expect(countOf(endings, ({ rolledBack }) => rolledBack)).toBe(countOf(endings, ({ peak }) => peak >= 1 / alpha));
    // Nobody got anything but what a gateway with one version answers.
    expect(endings.flatMap(({ wrong }) => wrong)).toEqual([]);
    // There was something to be mistaken about: both arms of every rollout failed, slowly, while the weight rose.
    for (const arm of ['baseline', 'candidate'] as const) expect(Math.min(...endings.map((ending) => failuresOf(ending, arm)))).toBeGreaterThan(0);
    expect(endings.filter(({ rolledBack, weight }) => !rolledBack && weight !== 50)).toEqual([]);
    expect(countOf(endings, ({ pending }) => pending > 0)).toBeGreaterThan(0.95 * rollouts);
    expect(countOf(endings, ({ loweredByHand }) => loweredByHand)).toBeGreaterThan(0);
    // All weights added up, the drift looks like the candidate's fault.
    const misjudged = countOf(endings, ({ guardrails }) => guardrails.some(looksWorsePooled));
    expect(chanceOf(misjudged, rollouts, 3 * alpha), `${misjudged} look worse`).toBeLessThan(leastChance);
  });
});

describe.concurrent('10 rollouts of an identical candidate whose answers need all of the deadline, of which a candidate has less', { timeout }, () => {
  test.for(late)('$way are not rolled back for it', async ({ users, seed }, { expect, onTestFinished }) => {
    const clock = pairs.get(seed)?.clock ?? createSimulatedClock(0);
    const slowly = (version: ServingVersion): ServingVersion => answeringLate(version, { points: 15, random: createRandom(seed), clock });
    const endings = await play({ onTestFinished }, { users, seed, rollouts: 10, seconds: 40, perSecond: 40, candidateOf: slowly, baselineOf: slowly });
    expect(countOf(endings, ({ rolledBack }) => rolledBack)).toBe(0);
    // Both arms were charged with what came too late.
    for (const arm of ['baseline', 'candidate'] as const) {
      const shares = endings.map(({ guardrails }) => {
        const errors = guardrails.find(({ name }) => name === 'errors')?.[arm];
        return eventsOf(errors ?? null) / (errors?.n ?? 0);
      });
      expect(Math.min(...shares)).toBeGreaterThan(0.1);
    }
  });
});

describe.concurrent('10 rollouts of a candidate that fails ten points more', { timeout }, () => {
  test.for(unlike)('$way are rolled back for it, all but one at most', async ({ users, seed }, { expect, onTestFinished }) => {
    const candidateOf = (version: ServingVersion): ServingVersion => failingMore(version, { points: 10, random: createRandom(seed) });
    const endings = await play({ onTestFinished }, { users, seed, rollouts: 10, seconds: 110, perSecond: 40, candidateOf });
    expect(countOf(endings, ({ rolledBack, blamed }) => rolledBack && blamed === 'errors')).toBeGreaterThanOrEqual(9);
  });
});
