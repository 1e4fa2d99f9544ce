/** What a gateway process knows after kill -9: all but the last second, no key twice, no step skipped or repeated. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { deliver, goldenRows, makeTeamFolders, plan, type TeamFolders } from '../support/bundles.ts';
import { type GatewayProcess, runCli, startGateway } from '../support/gateway.ts';

/** Rollouts of the same bundles: one whose requests have keys, one whose have none. */
const models = ['card-keyed', 'card-unkeyed'] as const;
type Model = (typeof models)[number];

const steps = `steps:
  - setWeight: 20
  - analysis: { atLeast: 2s, minSamples: 10, deadline: 600s, require: [] }
  - setWeight: 50
  - analysis: { atLeast: 500s, minSamples: 10, deadline: 600s, require: [] }
  - setWeight: 100
`;

/** The bundles' own deadline is 250 ms: on a busy test machine the candidate would be rolled back for it. */
const patient = { file: 'handoff.yaml', change: (text: string): string => text.replace(/deadlineMs: \d+/, 'deadlineMs: 10000') };

/** A tick a second, and what a busy machine adds to it. */
const lastSecondMs = 1_500;

let folders: TeamFolders;
let gateway: GatewayProcess;
let row: Record<string, unknown>;

/** What the client knows of its requests of new units: when each was answered; null: not yet, or never. */
const requests: Record<Model, { answeredMs: number | null }[]> = { 'card-keyed': [], 'card-unkeyed': [] };
let keys = 0;

const ask = async (model: Model, user: number | null): Promise<number> => {
  const { status } = await gateway.infer({ model, inputs: [row] }, user === null ? {} : { 'x-routing-key': `user-${user}` });
  return status;
};

const askNew = async (model: Model): Promise<void> => {
  const request: { answeredMs: number | null } = { answeredMs: null };
  requests[model].push(request);
  if (model === 'card-keyed') keys += 1;
  expect(await ask(model, model === 'card-keyed' ? keys : null)).toBe(200);
  request.answeredMs = performance.now();
};

/** Asks without end until the gateway is gone. */
const load = async (until: { over: boolean }): Promise<void> => {
  while (!until.over) await Promise.all(models.map(askNew)).catch(() => undefined);
};

interface Guardrail {
  readonly name: string;
  readonly baseline: { readonly n: number } | null;
  readonly candidate: { readonly n: number } | null;
}

const stateOf = async (model: Model) => (await gateway.admin('GET', `/rollouts/${model}`)).body;

const unitsOf = async (model: Model): Promise<number> => {
  const [guardrail] = ((await stateOf(model)).guardrails ?? []) as Guardrail[];
  return (guardrail?.baseline?.n ?? 0) + (guardrail?.candidate?.n ?? 0);
};

const movesOf = async (model: Model): Promise<string[]> => {
  const { body } = await gateway.admin('GET', `/rollouts/${model}/ledger?limit=1000&kind=decision`);
  const moves = (body.entries as { readonly body: { readonly move: string } }[]).map(({ body: { move } }) => move).reverse();
  // A busy machine may make the engine wait for requests; that is no step.
  return moves.filter((move) => move !== 'hold' && move !== 'continue');
};

beforeAll(async () => {
  folders = await makeTeamFolders();
  for (const model of models) {
    for (const version of ['1.4.0', '2.0.0']) await deliver(folders, { from: { model: 'card-fraud', version }, as: { model, version }, edit: patient });
    await plan(folders, { model, baseline: '1.4.0', candidate: '2.0.0', steps });
  }
  [row = {}] = await goldenRows('card-fraud', ['1.4.0', '2.0.0'], '01-ordinary-purchase.json');
  gateway = await startGateway(folders);
});

afterAll(async () => {
  await gateway.end('SIGKILL');
  await folders.remove();
});

describe('a gateway that is killed under load', { shuffle: false }, () => {
  let killedMs = 0;
  /** The last key that was asked for before the last weight was in force: those before it count once more, since it could have moved them. */
  let lastAtLowerWeight = 0;

  test('loses no more than the last second of counts', async () => {
    for (const model of models)
      expect(await runCli(['rollout', 'start', model, '--reason', 'a try', '--admin-url', gateway.adminUrl])).toMatchObject({ code: 0 });
    const until = { over: false };
    const loading = Promise.all(Array.from({ length: 4 }, () => load(until)));
    for (const model of models) await expect.poll(async () => (await stateOf(model)).step, { timeout: 40_000, interval: 100 }).toBe(3);
    lastAtLowerWeight = keys;
    const before = await Promise.all(models.map(unitsOf));
    await expect
      .poll(async () => Math.min(...(await Promise.all(models.map(unitsOf))).map((now, index) => now - (before[index] ?? 0))), { timeout: 40_000 })
      .toBeGreaterThan(100);
    killedMs = performance.now();
    await gateway.end('SIGKILL');
    until.over = true;
    await loading;
    gateway = await startGateway(folders);
    for (const model of models) {
      await expect.poll(() => unitsOf(model), { timeout: 20_000, interval: 50 }).toBeGreaterThan(0);
      const kept = await unitsOf(model);
      const answered = requests[model].filter(({ answeredMs }) => answeredMs !== null && answeredMs < killedMs - lastSecondMs).length;
      expect(kept).toBeGreaterThanOrEqual(answered);
      expect(kept).toBeLessThanOrEqual(requests[model].length);
    }
  });

  test('goes on where it stood: no step is skipped or repeated', async () => {
    for (const model of models) {
      expect(await stateOf(model)).toMatchObject({ step: 3, phase: 'progressing', weight: 50 });
      expect(await movesOf(model)).toEqual(['accept', 'start', 'advance', 'advance', 'advance', 'unclean-exit']);
    }
  });

  test('counts no key of before again, and new ones as ever', async () => {
    const before = await unitsOf('card-keyed');
    // Each key is a request, in the order of the keys.
    const lost = requests['card-keyed']
      .slice(lastAtLowerWeight)
      .filter(({ answeredMs }) => answeredMs === null || answeredMs >= killedMs - lastSecondMs).length;
    const known = Array.from({ length: keys - lastAtLowerWeight }, (_, index) => lastAtLowerWeight + index + 1);
    for (let index = 0; index < known.length; index += 20) await Promise.all(known.slice(index, index + 20).map((user) => ask('card-keyed', user)));
    // New to it are at most the keys of the last second, and those whose requests never came to an end.
    await Promise.all(Array.from({ length: 50 }, () => askNew('card-keyed')));
    const newKeys = async () => (await unitsOf('card-keyed')) - before;
    await expect.poll(newKeys, { timeout: 20_000 }).toBeGreaterThanOrEqual(45);
    expect(await newKeys()).toBeLessThanOrEqual(50 + lost);
    expect(known.length).toBeGreaterThan(30);
    for (const { verdict } of (await stateOf('card-keyed')).guardrails as { readonly verdict: string }[])
      expect(['undecided', 'within-margin', 'not-measured']).toContain(verdict);
  });

  test('replays from its ledger, across the kill', async () => {
    await gateway.end('SIGTERM');
    const verify = await runCli(['ledger', 'verify', '--data-dir', folders.dataDir]);
    expect(verify).toMatchObject({ code: 0 });
    const replay = await runCli(['ledger', 'replay', '--data-dir', folders.dataDir, '--json']);
    expect(JSON.parse(replay.stdout)).toMatchObject({ agrees: true, rollouts: 2, withoutRules: 0 });
    expect(replay.code).toBe(0);
  });
});
