import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { writeDigests } from '../../src/bundle/write-digests.ts';
import { rehearseCommand } from '../../src/cli/rehearse.ts';
import { type CommandResult, runCommand } from '../support/run-command.ts';

const cli = fileURLToPath(new URL('../../src/cli.js', import.meta.url));
const repository = new URL('../..', import.meta.url).pathname;

/** Guards of requests alone, so that half an hour of the plan decides. */
const criteria = `apiVersion: handoff/v1
kind: Acceptance
criteria:
  - { name: errors, metric: { kind: errorRate }, compareTo: baseline, margin: { absolute: 0.002 }, appliesTo: [live] }
  - { name: bad-outputs, metric: { kind: breachRate }, compareTo: baseline, margin: { absolute: 0.001 }, appliesTo: [live] }
  - { name: flagged, metric: { kind: outputRate, output: flagged }, compareTo: baseline, margin: { relative: 1 }, appliesTo: [live] }
`;

const faults = `faults:
  - { name: failing, errorRate: 0.02 }
  - { name: not-a-number, output: nan, share: 0.01 }
  - { name: flags-everything, output: { set: 1 }, share: 0.05 }
`;

const plan = `apiVersion: handoff/v1
kind: Rollout
model: card-fraud
baseline: 1.4.0
candidate: 2.0.0
eligibility: partial
routingKey: { header: x-routing-key }
steps:
  - setWeight: 10
  - analysis: { atLeast: 30m, deadline: 6h }
  - pause: {}
  - setWeight: 100
bake: 1h
`;

let root = '';
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'handoff-rehearse-'));
  for (const folder of ['models/card-fraud', 'golden/card-fraud']) await cp(join(repository, folder), join(root, folder), { recursive: true });
  await cp(join(repository, 'rollout/card-fraud.yaml'), join(root, 'rollout/card-fraud.yaml'));
  await writeFile(join(root, 'rollout/card-fraud.yaml'), plan);
  // A full machine may take long for a run: that would be a timeout, and other evidence.
  for (const version of ['1.4.0', '2.0.0']) {
    const folder = join(root, 'models/card-fraud', version);
    const manifest = join(folder, 'handoff.yaml');
    await writeFile(manifest, (await readFile(manifest, 'utf8')).replace(/deadlineMs: \d+/, 'deadlineMs: 20000'));
    await writeDigests({ model: 'card-fraud', version, folder, goldenFolder: join(root, 'golden/card-fraud', version) });
  }
});
afterAll(() => rm(root, { recursive: true, force: true }));

const change = async (file: string, text: string): Promise<void> => {
  const folder = join(root, 'models/card-fraud/2.0.0');
  await writeFile(join(folder, file), text);
  await writeDigests({ model: 'card-fraud', version: '2.0.0', folder, goldenFolder: join(root, 'golden/card-fraud/2.0.0') });
};

const accept = (text: string): Promise<void> => change('acceptance.yaml', text);

/** Two cases that both versions take, and one that only the baseline does. */
const keepFewCases = async (): Promise<void> => {
  const file = 'evaluation/cases.jsonl';
  const [first, second] = (await readFile(join(root, 'models/card-fraud/2.0.0', file), 'utf8')).split('\n');
  const golden = await readFile(join(root, 'golden/card-fraud/1.4.0/01-ordinary-purchase.json'), 'utf8');
  const { request } = JSON.parse(golden) as { readonly request: { readonly inputs: readonly unknown[] } };
  await change(file, [first, second, JSON.stringify({ id: 'of-the-baseline-alone', inputs: request.inputs, labels: [0] })].join('\n'));
};

const folders = () => ['--models-dir', join(root, 'models'), '--golden-dir', join(root, 'golden'), '--rollout-dir', join(root, 'rollout')];

const run = (words: readonly string[]): Promise<CommandResult> => runCommand(rehearseCommand, [...folders(), ...words]);

const played = ['card-fraud', '--rps', '50', '--positive-share', '0.0095'];

interface Printed {
  readonly ok: boolean;
  readonly rollouts: readonly {
    readonly fault: string | null;
    readonly ok: boolean;
    readonly ending: {
      readonly phase: string;
      readonly sentence: string;
      readonly blamed: string | null;
      readonly step: number;
      readonly weight: number;
      readonly candidateRequests: number;
      readonly seconds: number;
    };
  }[];
}

describe('handoff rehearse', { shuffle: false }, () => {
  it('promotes the clean candidate, and names the guard that catches each fault, with step, requests and time', async () => {
    await accept(criteria + faults);
    const { stdout, exitCode } = await run([...played, '--json']);
    const { ok, rollouts } = JSON.parse(stdout) as Printed;
    expect(rollouts.map(({ fault, ending }) => [fault, ending.phase, ending.blamed])).toEqual([
      [null, 'promoted', null],
      ['failing', 'rolled-back', 'errors'],
      ['not-a-number', 'rolled-back', 'bad-outputs'],
      ['flags-everything', 'rolled-back', 'flagged'],
    ]);
    for (const { ending } of rollouts.slice(1)) {
      // Step 0 sets the weight and ends with the first look of the engine.
      expect([0, 1]).toContain(ending.step);
      expect(ending.weight).toBe(10);
      // A tenth of the requests that were played, a little more or less by chance.
      expect(ending.candidateRequests / (ending.seconds * 50)).toBeGreaterThan(0.07);
      expect(ending.candidateRequests / (ending.seconds * 50)).toBeLessThan(0.13);
    }
    expect({ ok, exitCode }).toEqual({ ok: true, exitCode: 0 });
  });

  it('gives the same rehearsal for the same seed', async () => {
    await accept(`${criteria}faults: [{ name: failing, errorRate: 0.02 }]\n`);
    const fault = async (seed: string) =>
      (JSON.parse((await run([...played, '--seed', seed, '--json'])).stdout) as Printed).rollouts[1]?.ending.candidateRequests;
    const first = await fault('3');
    expect(await fault('3')).toBe(first);
    expect(await fault('4')).not.toBe(first);
  });

  it('ends with 1 for a fault that no guard can catch, and says so', async () => {
    await accept(`${criteria}faults: [{ name: hardly-failing, errorRate: 0.0001 }]\n`);
    const { stdout, stderr, exitCode } = await run(played);
    expect(exitCode).toBe(1);
    expect(stdout).toMatch(/^hardly-failing +MISSED \(promoted\) +3 +100 % /m);
    expect(stderr).toContain('hardly-failing: 2.0.0 is the baseline now');
  });

  it('ends with 1 for a clean candidate that is rolled back', async () => {
    await accept(criteria.replace('relative: 1 }', 'relative: 0 }'));
    const { stdout, exitCode } = await run(played);
    expect(stdout).toMatch(/^\(none\) +ROLLED BACK \(flagged\) /m);
    expect(exitCode).toBe(1);
  });

  it('leaves no folder behind when it is interrupted', async () => {
    await accept(criteria);
    const temporary = await mkdtemp(join(root, 'temporary-'));
    const left = () => readdir(temporary, { recursive: true });
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      const child = spawn(process.execPath, [cli, 'rehearse', ...folders(), ...played], { stdio: 'ignore', env: { ...process.env, TMPDIR: temporary } });
      await expect.poll(left, { timeout: 30_000 }).toContainEqual(expect.stringMatching(/^handoff-rehearsal-.*handoff\.db$/));
      child.kill(signal);
      expect(await once(child, 'close')).toEqual([130, null]);
      expect(await left()).not.toContainEqual(expect.stringContaining('handoff-rehearsal-'));
    }
  });

  it('ends with 1 for a clean candidate that is held without end: nothing ends a wait for requests that both versions take', async () => {
    await accept(criteria);
    await keepFewCases();
    const { stdout, stderr, exitCode } = await run(['card-fraud', '--rps', '1', '--json']);
    const { ok, rollouts } = JSON.parse(stdout) as Printed;
    const why = /^held: \d+ % of the requests of the last hour satisfy only the baseline's contract, the plan allows 0\.1 %$/;
    expect({ ok, exitCode }).toEqual({ ok: false, exitCode: 1 });
    expect(rollouts).toMatchObject([{ fault: null, ok: false, ending: { phase: 'held', blamed: null, sentence: expect.stringMatching(why) } }]);
    expect(stderr).toMatch(/^clean: HELD\nthe clean candidate: held: /);
    // The analysis may take six hours, the bake one: twice that, and a little for the other steps.
    const { seconds } = rollouts[0]?.ending ?? { seconds: 0 };
    expect(seconds / 3_600).toBeGreaterThan(14);
    expect(seconds / 3_600).toBeLessThan(14.5);
  });

  it('ends with 1 for a shadow step in which nothing is compared, and misses the faults', async () => {
    await accept(`${criteria}faults: [{ name: failing, errorRate: 0.02 }]\n`);
    await writeFile(join(root, 'rollout/card-fraud.yaml'), plan.replace('steps:\n', 'steps:\n  - shadow: { share: 20, duration: 10m }\n'));
    const { stdout, stderr, exitCode } = await run(['card-fraud', '--rps', '0.000001']);
    expect(exitCode).toBe(1);
    expect(stdout).toMatch(/^\(none\) +HELD +0 +0 % +0 /m);
    expect(stdout).toMatch(/^failing +MISSED \(held\) +0 +0 % +0 /m);
    expect(stderr).toContain('the clean candidate: held: no request has been compared yet');
  });

  it('ends with 3 without evaluation cases, or without a plan', async () => {
    await accept(criteria);
    await rm(join(root, 'models/card-fraud/2.0.0/evaluation/cases.jsonl'));
    const folder = join(root, 'models/card-fraud/2.0.0');
    const manifest = join(folder, 'handoff.yaml');
    await writeFile(manifest, (await readFile(manifest, 'utf8')).replace(/^.*evaluation\/cases\.jsonl.*\n/m, ''));
    await writeDigests({ model: 'card-fraud', version: '2.0.0', folder, goldenFolder: join(root, 'golden/card-fraud/2.0.0') });
    expect(await run(played)).toMatchObject({ exitCode: 3, stderr: expect.stringContaining('could not be rehearsed') });
    expect(await run(['no-such-model'])).toMatchObject({ exitCode: 3 });
  });
});
