/** The story of one handoff, told from outside: a real gateway process, HTTP and command line only. */
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { deliver, goldenOutputs, goldenRows, makeTeamFolders, plan, type TeamFolders } from './support/bundles.ts';
import { type Answer, type GatewayProcess, runCli, startGateway } from './support/gateway.ts';
import { makeSigningKeys } from './support/signing-keys.ts';

const baseline = { model: 'card-fraud', version: '1.4.0' };
const candidate = { model: 'card-fraud', version: '2.0.0' };
const ordinary = '01-ordinary-purchase.json';
/** The broken graphs answer rightly up to this amount, so that they pass their golden cases and are let in. */
const breakingAmount = 5_000;
/** The bundles' own deadline is 250 ms. This one leaves a busy test machine the time to rescue, and says nothing about speed. */
const patient = { file: 'handoff.yaml', change: (text: string): string => text.replace(/deadlineMs: \d+/, 'deadlineMs: 2000') };

/** A promise to clients that is taken back: the flag may be missing. The graph and the golden cases are as they were. */
const breakingOutput = {
  file: 'contract.odcs.yaml',
  change: (text: string): string => text.replace(/(name: flagged[\s\S]*?)required: true/, '$1required: false'),
};

/** How a candidate can break, the graph that does it, and as what its failures are counted. */
const breakages = [
  { way: 'throws', graph: 'test/fixtures/broken-candidates/throws.onnx', result: 'error' },
  { way: 'nan', graph: 'test/fixtures/broken-candidates/nan.onnx', result: 'breach' },
  { way: 'out-of-range', graph: 'test/fixtures/broken-candidates/out-of-range.onnx', result: 'breach' },
  { way: 'endless', graph: 'test/fixtures/broken-candidates/endless.onnx', result: '(error|timeout)' },
  { way: 'allocates', graph: 'test/fixtures/broken-candidates/allocates.onnx', result: '(error|timeout)' },
] as const;

let folders: TeamFolders;
let gateway: GatewayProcess;
let row: Record<string, unknown>;
/** The job that knows how old the candidate's aggregates are: without it the candidate would lose its traffic after two minutes. */
let job: NodeJS.Timeout;

const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};

const setWeight = (model: string, weight: number) =>
  runCli(['rollout', 'set-weight', model, String(weight), '--reason', 'the story', '--admin-url', gateway.adminUrl]);

/** So many requests are under way together. */
const concurrency = 20;

/** One request for each key; the answers in the order of the keys. */
const askAll = async (model: string, asked: readonly string[], changes: Record<string, unknown> = {}): Promise<readonly Answer[]> => {
  const answers: Answer[] = [];
  const waiting = [...asked.entries()];
  const next = async (): Promise<void> => {
    for (let entry = waiting.shift(); entry !== undefined; entry = waiting.shift()) {
      const [index, key] = entry;
      answers[index] = await gateway.infer({ model, inputs: [{ ...row, ...changes }] }, { 'x-routing-key': key });
    }
  };
  await Promise.all(Array.from({ length: concurrency }, next));
  return answers;
};

/** A model of its own arrives in the running gateway: the baseline, and a candidate with this graph. */
const arrive = async (model: string, graph: string, steps?: string): Promise<void> => {
  await deliver(folders, { from: baseline, as: { model, version: '1.4.0' }, edit: patient });
  await deliver(folders, { from: candidate, as: { model, version: '2.0.0' }, graph, edit: patient });
  await plan(folders, { model, baseline: '1.4.0', candidate: '2.0.0', ...(steps === undefined ? {} : { steps }) });
  expect((await gateway.admin('POST', '/models/rescan')).body).toMatchObject({ refused: [] });
};

/** Seconds instead of days, and no criterion to be within its margin: what that takes is shown elsewhere. */
const shortSteps = `steps:
  - setWeight: 50
  - analysis: { atLeast: 2s, minSamples: 50, deadline: 60s, require: [] }
  - setWeight: 100
`;

/** What a restart must leave as it was. A live rollout gets a record of the unclean exit, with a new epoch. */
const standing = (body: Record<string, unknown>) =>
  (body.rollouts as Record<string, unknown>[]).map(({ model, rollout, phase, baseline: from, candidate: to, weight, step }) => ({
    model,
    rollout,
    phase,
    from,
    to,
    weight,
    step,
  }));

const keys = (count: number, prefix: string): string[] => Array.from({ length: count }, (_, index) => `${prefix}-${index}`);

beforeAll(async () => {
  folders = await makeTeamFolders();
  await deliver(folders, { from: baseline, edit: patient });
  [row = {}] = await goldenRows('card-fraud', ['1.4.0', '2.0.0'], ordinary);
  gateway = await startGateway(folders);
  const push = (): unknown => gateway.admin('PUT', '/signals/feature-lag', { value: 10 }).catch(() => undefined);
  job = setInterval(push, 10_000);
});

afterAll(async () => {
  clearInterval(job);
  await gateway.end('SIGKILL');
  await folders.remove();
});

describe('a handoff', { shuffle: false }, () => {
  test('the baseline alone answers with its golden values', async () => {
    const inputs = await goldenRows('card-fraud', ['1.4.0'], ordinary);
    const { status, body } = await gateway.infer({ model: 'card-fraud', inputs });
    const [expected] = await goldenOutputs('card-fraud', '1.4.0', ordinary);
    expect(status).toBe(200);
    expect(body).toMatchObject({ version: '1.4.0', arm: 'baseline', rescued: false });
    expect(body.outputs?.[0]?.fraud_probability).toBeCloseTo(Number(expected?.fraud_probability), 5);
  });

  test('a candidate that arrives is taken in while requests are answered, at weight 0', async () => {
    const during = (async () => {
      const answers: number[] = [];
      for (let count = 0; count < 200; count += 1)
        answers.push((await gateway.infer({ model: 'card-fraud', inputs: await goldenRows('card-fraud', ['1.4.0'], ordinary) })).status);
      return answers;
    })();
    await deliver(folders, { from: candidate, edit: patient });
    await plan(folders, { model: 'card-fraud', baseline: '1.4.0', candidate: '2.0.0' });
    const rescan = await gateway.admin('POST', '/models/rescan');
    expect(rescan.body).toMatchObject({ refused: [] });
    expect(new Set(await during)).toEqual(new Set([200]));
    const { body } = await gateway.admin('GET', '/rollouts/card-fraud');
    expect(body).toMatchObject({ phase: 'pending', weight: 0, baseline: '1.4.0', candidate: '2.0.0' });
  });

  test('weight 10 is in force for the next request and sends about a tenth of the keys to the candidate', async () => {
    expect((await setWeight('card-fraud', 10)).code).toBe(0);
    const answers = await askAll('card-fraud', keys(500, 'customer'));
    const arms = answers.map(({ body }) => body.arm);
    expect(answers.every(({ status }) => status === 200)).toBe(true);
    // Binomial(500, 0.1): 50 and six standard deviations to either side.
    expect(arms.filter((arm) => arm === 'candidate').length).toBeGreaterThan(10);
    expect(arms.filter((arm) => arm === 'candidate').length).toBeLessThan(91);
  });

  test.each(breakages)('a candidate that breaks ($way) costs no user anything and is charged for it', async ({ way, graph, result }) => {
    const model = `card-fraud-${way}`;
    await arrive(model, graph);
    expect((await setWeight(model, 50)).code).toBe(0);
    const answers = await askAll(model, keys(40, way), { amount: breakingAmount });
    const toCandidate = answers.filter(({ body }) => body.arm === 'candidate');
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
    expect(toCandidate.length).toBeGreaterThan(5);
    expect(toCandidate.every(({ body }) => body.rescued === true && body.version === '1.4.0')).toBe(true);
    const charged = await gateway.metric(
      new RegExp(`^gateway_inference_requests_total\\{model="${model}",version="2.0.0",arm="candidate",result="${result}"\\}`),
    );
    expect(charged).toBe(toCandidate.length);
  });

  test('a candidate whose process is killed from outside costs no user anything', async () => {
    const model = 'card-fraud-killed';
    await arrive(model, 'models/card-fraud/2.0.0/model.onnx');
    expect((await setWeight(model, 50)).code).toBe(0);
    const { body } = await gateway.admin('GET', `/models/${model}/2.0.0`);
    const asked = askAll(model, keys(200, 'killed'));
    process.kill(Number(body.worker_pid), 'SIGKILL');
    const answers = [...(await asked), ...(await askAll(model, keys(50, 'after')))];
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
    expect(await gateway.metric(new RegExp(`^gateway_worker_restarts_total\\{model="${model}",version="2.0.0",reason="exit"\\}`))).toBe(1);
  });

  test.each(breakages)('the engine rolls the broken candidate back by itself ($way), and says why', async ({ way }) => {
    const state = async () => (await gateway.admin('GET', `/rollouts/card-fraud-${way}`)).body;
    let round = 0;
    const phase = async () => {
      round += 1;
      await askAll(`card-fraud-${way}`, keys(20, `${way}-${round}`), { amount: breakingAmount });
      return (await state()).phase;
    };
    await expect.poll(phase, { timeout: 40_000, interval: 250 }).toBe('rolled-back');
    expect(await state()).toMatchObject({
      weight: 0,
      reason: expect.stringMatching(
        /^Rolled back: \d+ of \d+ candidate requests (failed|had their output rejected) against 0 of \d+ on the baseline, beyond the allowed .*evidence .*, needed 100\.$/,
      ),
    });
  });

  test('a good candidate is started and led to all traffic by its plan, where it bakes', async () => {
    const model = 'card-fraud-good';
    await arrive(model, 'models/card-fraud/2.0.0/model.onnx', shortSteps);
    const started = await runCli(['rollout', 'start', model, '--reason', 'the story', '--admin-url', gateway.adminUrl]);
    expect(started).toMatchObject({ code: 0 });
    let round = 0;
    const phase = async () => {
      round += 1;
      await askAll(model, keys(40, `good-${round}`));
      return (await gateway.admin('GET', `/rollouts/${model}`)).body.phase;
    };
    await expect.poll(phase, { timeout: 30_000, interval: 250 }).toBe('baking');
    const { body } = await gateway.infer({ model, inputs: [row] });
    expect(body).toMatchObject({ version: '2.0.0', arm: 'candidate', rescued: false });
  });

  test('a candidate whose answers its clients could not read is refused, by every door', async () => {
    const model = 'card-fraud-breaking';
    await deliver(folders, { from: baseline, as: { model, version: '1.4.0' }, edit: patient });
    await deliver(folders, { from: candidate, as: { model, version: '2.0.0' }, edit: breakingOutput });
    await plan(folders, { model, baseline: '1.4.0', candidate: '2.0.0' });
    const { body } = await gateway.admin('POST', '/models/rescan');
    expect(body.refused).toMatchObject([{ field: 'candidate', got: expect.stringContaining('output flagged may be null or absent now') }]);
    const started = await gateway.admin('POST', `/rollouts/${model}/start`, { reason: 'the story' });
    expect(started).toMatchObject({ status: 409, body: { type: expect.stringContaining('rollout-conflict'), errors: [{ pointer: '#/candidate' }] } });
    const [answer] = await askAll(model, ['anyone']);
    expect(answer).toMatchObject({ status: 200, body: { version: '1.4.0' } });
  });

  test('handoff check refuses that candidate before it gets anywhere', { timeout: 240_000 }, async () => {
    const own = await makeTeamFolders();
    await deliver(own, { from: baseline });
    await deliver(own, { from: candidate, edit: breakingOutput });
    await plan(own, { model: 'card-fraud', baseline: '1.4.0', candidate: '2.0.0' });
    const folders = ['--models-dir', own.modelsDir, '--golden-dir', own.goldenDir, '--rollout-dir', own.rolloutDir];
    const refused = { code: 1, stdout: expect.stringContaining('output flagged may be null or absent now') };
    expect(await runCli(['check', ...folders])).toMatchObject(refused);
    expect(await runCli(['check', 'card-fraud', ...folders])).toMatchObject(refused);
    await own.remove();
  });

  test('a candidate that nobody signed is refused where signatures are required', async () => {
    const own = await makeTeamFolders();
    const keys = await makeSigningKeys();
    await deliver(own, { from: baseline });
    await deliver(own, { from: candidate });
    await plan(own, { model: 'card-fraud', baseline: '1.4.0', candidate: '2.0.0' });
    const sign = (bundle: string) => runCli(['sign', bundle, '--key', keys.privateFile, '--models-dir', own.modelsDir, '--golden-dir', own.goldenDir]);
    expect(await sign('card-fraud/1.4.0')).toMatchObject({ code: 0 });
    const strict = await startGateway(own, { flags: ['--trusted-keys-dir', keys.trustedKeysDir] });
    expect((await strict.admin('GET', '/models/card-fraud/2.0.0')).body).toMatchObject({
      serving: false,
      faults: [{ file: 'model.sig', got: 'no such file' }],
    });
    expect((await strict.infer({ model: 'card-fraud', inputs: [row] })).body).toMatchObject({ version: '1.4.0' });
    expect((await strict.admin('PUT', '/rollouts/card-fraud/weight', { weight: 10, reason: 'the story' })).status).toBe(409);
    expect(await sign('card-fraud/2.0.0')).toMatchObject({ code: 0 });
    expect((await strict.admin('POST', '/models/rescan')).body).toMatchObject({ refused: [] });
    expect((await strict.admin('PUT', '/rollouts/card-fraud/weight', { weight: 10, reason: 'the story' })).status).toBe(200);
    expect(await strict.end('SIGTERM')).toBe(0);
    await Promise.all([own.remove(), keys.remove()]);
  });

  test('the ledger of all that verifies', async () => {
    expect(await runCli(['ledger', 'verify', '--data-dir', folders.dataDir])).toMatchObject({ code: 0 });
  });

  test('what a rolled-back candidate taught is reported from the ledger, figures and all', async () => {
    const { rollout } = (await gateway.admin('GET', '/rollouts/card-fraud-throws')).body;
    const out = join(folders.root, 'reports');
    const { code, stdout } = await runCli(['report', String(rollout), '--data-dir', folders.dataDir, '--models-dir', out, '--out', out, '--json']);
    const report = JSON.parse(stdout);
    expect({ code, ...report }).toMatchObject({ code: 0, outcome: 'rolled-back', caught: { by: 'gateway', criterion: 'errors' } });
    expect(report.caught.sentence).toMatch(/^Rolled back: \d+ of \d+ candidate requests failed/);
    const errors = report.criteria.find(({ criterion }: { criterion: string }) => criterion === 'errors');
    expect(errors.live.candidate.events).toBeGreaterThan(0);
    expect(report.cost.rescuedRequests).toBe(errors.live.candidate.events);
    expect(report.cost.candidateRequests).toBeGreaterThanOrEqual(errors.live.candidate.events);
    expect(report.stretches.map(({ move }: { move: string }) => move)).toEqual(['accept', 'set-weight', 'rollback']);
  });

  test('after kill -9 and a restart everything stands as before, and no worker is left behind', async () => {
    const before = standing((await gateway.admin('GET', '/rollouts')).body);
    const details = await Promise.all(['1.4.0', '2.0.0'].map((version) => gateway.admin('GET', `/models/card-fraud/${version}`)));
    const workers = details.flatMap(({ body }) => (body.worker_pid === null ? [] : [Number(body.worker_pid)]));
    const arms = (await askAll('card-fraud', keys(100, 'sticky'))).map(({ body }) => body.arm);
    await gateway.end('SIGKILL');
    gateway = await startGateway(folders);
    expect(standing((await gateway.admin('GET', '/rollouts')).body)).toEqual(before);
    expect((await gateway.admin('GET', '/rollouts/card-fraud')).body.reason).toBe('the gateway died while the candidate was serving');
    expect((await askAll('card-fraud', keys(100, 'sticky'))).map(({ body }) => body.arm)).toEqual(arms);
    await expect.poll(() => workers.filter(isAlive), { timeout: 5_000 }).toEqual([]);
  });

  test('SIGTERM ends it with exit code 0', async () => {
    expect(await gateway.end('SIGTERM')).toBe(0);
  });
});
