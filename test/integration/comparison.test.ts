/** A shadow step, told from outside: requests are answered by the baseline, and run once more on both versions behind their backs. */
import { readFile } from 'node:fs/promises';
import { describe, expect, onTestFinished, test } from 'vitest';
import { deliver, goldenRows, makeTeamFolders, plan } from '../support/bundles.ts';
import { type GatewayProcess, startGateway } from '../support/gateway.ts';

const model = 'card-fraud';
const breakingAmount = 5_000;

const shadowSteps = `compare: { share: 100, maxCpuPercent: 100 }
steps:
  - shadow: { share: 100, duration: 10m }
  - setWeight: 10
  - pause: {}
  - setWeight: 100
`;

/** A gateway whose candidate has this graph, in its shadow step. */
const startShadow = async (graph?: string, edit?: { readonly file: string; readonly change: (text: string) => string }): Promise<GatewayProcess> => {
  const folders = await makeTeamFolders();
  onTestFinished(folders.remove);
  await deliver(folders, { from: { model, version: '1.4.0' } });
  await deliver(folders, { from: { model, version: '2.0.0' }, ...(graph === undefined ? {} : { graph }), ...(edit === undefined ? {} : { edit }) });
  await plan(folders, { model, baseline: '1.4.0', candidate: '2.0.0', steps: shadowSteps });
  const gateway = await startGateway(folders, { env: { HANDOFF_LOG_LEVEL: 'info' } });
  onTestFinished(async () => void (await gateway.end('SIGKILL')));
  expect((await gateway.admin('POST', `/rollouts/${model}/start`, { reason: 'a test' })).status).toBe(200);
  await expect.poll(() => gateway.metric(/^gateway_comparison_up/), { timeout: 30_000 }).toBe(1);
  return gateway;
};

const stateOf = async (gateway: GatewayProcess) => (await gateway.admin('GET', `/rollouts/${model}`)).body;

/** Asks with ever new keys, a request after the other, until the condition holds. @returns every status that was met */
const askUntil = async (gateway: GatewayProcess, changes: Record<string, unknown>, done: () => Promise<boolean>): Promise<ReadonlySet<string>> => {
  const [row] = await goldenRows(model, ['1.4.0', '2.0.0'], '01-ordinary-purchase.json');
  const met = new Set<string>();
  const deadline = performance.now() + 45_000;
  for (let request = 0; performance.now() < deadline; request += 1) {
    const { status, body } = await gateway.infer({ model, inputs: [{ ...row, ...changes }] }, { 'x-routing-key': `customer-${request}` });
    met.add(`${status} ${String(body.version)} ${String(body.arm)} ${String(body.rescued)}`);
    if (request % 10 === 9 && (await done())) return met;
  }
  throw new Error(`not within the time: ${JSON.stringify(await stateOf(gateway))}`);
};

describe('a shadow step', () => {
  test.each([
    { way: 'throws', words: 'the candidate failed in' },
    { way: 'nan', words: 'the candidate gave an output that was rejected in' },
  ])('rolls a candidate that $way back before it got traffic', async ({ way, words }) => {
    const gateway = await startShadow(`test/fixtures/broken-candidates/${way}.onnx`);
    const met = await askUntil(gateway, { amount: breakingAmount }, async () => (await stateOf(gateway)).phase === 'rolled-back');
    expect([...met]).toEqual(['200 1.4.0 baseline false']);
    const { reason } = await stateOf(gateway);
    expect(reason).toMatch(new RegExp(`^Rolled back: ${words} (\\d+) of \\1 compared requests against 0 of the baseline, beyond the allowed`));
    expect(reason).toMatch(/; for example request [0-9a-f-]+, [0-9a-f-]+, [0-9a-f-]+; evidence/);
    expect(gateway.log()).toContainEqual(
      expect.objectContaining({ msg: 'a compared request shows a difference or a fault', arm: 'candidate', request_id: expect.any(String) as string }),
    );
    // The process goes with the rollout.
    await expect.poll(() => gateway.metric(/^gateway_comparison_up/)).toBe(0);
  });

  test('compares a good candidate, shows what it waits for, and leaves every answer to the baseline', async () => {
    const gateway = await startShadow();
    const before = await stateOf(gateway);
    expect(before).toMatchObject({ phase: 'progressing', effective_weight: 0 });
    const compared = () => gateway.metric(/^gateway_comparison_requests_total\{.*kind="versions"/);
    const met = await askUntil(gateway, {}, async () => (await compared()) >= 50);
    expect([...met]).toEqual(['200 1.4.0 baseline false']);
    const guardrail = async (name: string) => ((await stateOf(gateway)).guardrails as { readonly name: string }[]).find((entry) => entry.name === name);
    await expect
      .poll(() => guardrail('latency'))
      .toMatchObject({ verdict: 'undecided', note: expect.stringMatching(/^silent until .* 2,000 compared requests: \d+ so far$/) as string });
    expect(await guardrail('errors')).toMatchObject({ verdict: 'undecided', candidate: { events: 0 }, baseline: { events: 0 } });
    expect(await gateway.metric(/^gateway_comparison_cpu_seconds_total/)).toBeGreaterThan(0);
  });
});

describe('the comparison process', () => {
  test('is replaced when it is killed, and says so meanwhile', async () => {
    const gateway = await startShadow();
    const { body } = await gateway.admin('GET', `/models/${model}/2.0.0`);
    const pid = await comparisonPid(gateway.pid, [Number(body.worker_pid)]);
    process.kill(pid, 'SIGKILL');
    await expect.poll(() => gateway.metric(/^gateway_comparison_restarts_total\{.*reason="exit"/)).toBe(1);
    await expect.poll(() => gateway.metric(/^gateway_comparison_up/), { timeout: 30_000 }).toBe(1);
    expect(gateway.log()).toContainEqual(expect.objectContaining({ msg: 'the comparison process died and is being replaced' }));
  });
});

/** The gateway's child that runs the comparison's own file. */
const comparisonPid = async (gatewayPid: number, others: readonly number[]): Promise<number> => {
  const children = (await readFile(`/proc/${gatewayPid}/task/${gatewayPid}/children`, 'utf8')).trim().split(' ').map(Number);
  for (const pid of children.filter((child) => !others.includes(child))) {
    const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
    if (command.includes('comparison')) return pid;
  }
  throw new Error(`no comparison process among ${children.join(', ')}`);
};
