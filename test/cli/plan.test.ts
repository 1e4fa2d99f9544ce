import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { planCommand } from '../../src/cli/plan.ts';
import { runCommand } from '../support/run-command.ts';

const repository = new URL('../..', import.meta.url).pathname;

let rolloutDir = '';

beforeEach(async () => {
  rolloutDir = await mkdtemp(join(tmpdir(), 'handoff-plan-'));
  await cp(join(repository, 'rollout'), rolloutDir, { recursive: true });
});
afterEach(() => rm(rolloutDir, { recursive: true, force: true }));

const run = (words: readonly string[], env = {}) =>
  runCommand(planCommand, ['--models-dir', join(repository, 'models'), '--golden-dir', join(repository, 'golden'), '--rollout-dir', rolloutDir, ...words], env);

const changePlan = async (model: string, change: (text: string) => string): Promise<void> => {
  const file = join(rolloutDir, `${model}.yaml`);
  await writeFile(file, change(await readFile(file, 'utf8')));
};

interface Printed {
  readonly ok: boolean;
  readonly traffic: readonly { readonly name: string; readonly value: number; readonly origin: string }[];
  readonly steps: readonly {
    readonly step: number;
    readonly weight: number;
    readonly guards: readonly {
      readonly name: string;
      readonly isRequired: boolean;
      readonly withinMarginSeconds: number | null;
      readonly rollbacks: readonly {
        readonly effect: string;
        readonly afterSeconds: number | null;
        readonly candidateRequests: number;
        readonly excessEvents: number | null;
      }[];
    }[];
  }[];
  readonly faults: readonly { readonly step: number; readonly guard: string | null; readonly problem: string; readonly remedies: readonly string[] }[];
}

const printed = async (words: readonly string[]): Promise<Printed & { readonly exitCode: number }> => {
  const { stdout, exitCode } = await run([...words, '--json']);
  return { ...(JSON.parse(stdout) as Printed), exitCode };
};

const guardOf = ({ steps }: Printed, step: number, name: string) => steps.find((entry) => entry.step === step)?.guards.find((guard) => guard.name === name);

describe('handoff plan', () => {
  it('says for each step and guard how long a decision takes, and ends with 0 when the plan can decide', async () => {
    const forecast = await printed(['card-fraud', '--rps', '50']);
    expect(forecast).toMatchObject({ ok: true, exitCode: 0, faults: [] });
    expect(forecast.steps.map(({ step, weight }) => [step, weight])).toEqual([
      [0, 0],
      [2, 1],
      [4, 10],
    ]);
    const [early, late] = [2, 4].map((step) => guardOf(forecast, step, 'errors')?.rollbacks.find(({ effect }) => effect === 'fault failing'));
    expect(early?.afterSeconds).toBeGreaterThan(late?.afterSeconds ?? Number.POSITIVE_INFINITY);
    expect(late?.excessEvents).toBeCloseTo(0.01998 * (late?.candidateRequests ?? 0), 6);
    expect(guardOf(forecast, 4, 'errors')).toMatchObject({ isRequired: true, withinMarginSeconds: expect.any(Number) });
    expect(guardOf(forecast, 2, 'errors')?.isRequired).toBe(false);
  });

  it('compares nothing but pairs before the candidate gets traffic', async () => {
    const { steps } = await printed(['photo-classifier', '--rps', '50']);
    expect(steps[0]?.guards.map(({ name }) => name)).not.toContain('abstained');
    expect(steps[0]?.guards.map(({ name }) => name)).toContain('latency');
  });

  it('decides sooner with more traffic, and faster for a guard with a higher baseline rate later', async () => {
    const within = async (words: readonly string[]) =>
      guardOf(await printed(['card-fraud', ...words]), 4, 'errors')?.withinMarginSeconds ?? Number.POSITIVE_INFINITY;
    const usual = await within(['--rps', '50']);
    expect(await within(['--rps', '500'])).toBeLessThan(usual);
    expect(await within(['--rps', '50', '--error-rate', '0.02'])).toBeGreaterThan(usual);
    expect(await within(['--rps', '50', '--unit-share', '0.2'])).toBeGreaterThan(usual * 3);
  });

  it('ends with 1 for a plan that cannot decide in its time, and each remedy suffices', async () => {
    await changePlan('card-fraud', (text) => text.replace('atLeast: 72h, deadline: 168h', 'atLeast: 30m, deadline: 2h'));
    const words = ['card-fraud', '--rps', '5', '--run-ms', '20'];
    const forecast = await printed(words);
    expect(forecast).toMatchObject({ ok: false, exitCode: 1 });
    const errors = forecast.faults.find(({ guard, step }) => guard === 'errors' && step === 4);
    const remedy = (words: RegExp) => errors?.remedies.flatMap((text) => words.exec(text)?.[1] ?? [])[0] ?? '';
    const [weight, deadline] = [remedy(/^a weight of (\d+) %$/), remedy(/^a deadline of (\d+h)$/)];
    const { problem } = forecast.faults.find(({ guard }) => guard === 'latency') ?? { problem: '' };
    expect(problem).toBe(
      'step 4 (analysis) requires latency to be within its margin: a candidate like the baseline does not get there before the deadline of 2h',
    );
    const stillFails = async (change: (text: string) => string) => {
      await changePlan('card-fraud', change);
      return (await printed(words)).faults.some(({ guard, step }) => guard === 'errors' && step === 4);
    };
    expect(await stillFails((text) => text.replace('setWeight: 10\n', `setWeight: ${weight}\n`))).toBe(false);
    expect(await stillFails((text) => text.replace(`setWeight: ${weight}\n`, 'setWeight: 10\n').replace('deadline: 2h', `deadline: ${deadline}`))).toBe(false);
  });

  it('ends with 1 when the candidate cannot get its least number of requests in time', async () => {
    const { exitCode, faults } = await printed(['search-ranker', '--rps', '0.2']);
    expect(exitCode).toBe(1);
    expect(faults[0]).toMatchObject({
      step: 2,
      guard: null,
      problem: expect.stringContaining('the candidate gets the least number of requests after 3d, the deadline is 24h'),
    });
  });

  it('shows a table, the figures with their origins, and which faults only a rehearsal can foretell', async () => {
    const { stdout, stderr, exitCode } = await run(['card-fraud', '--rps', '50', '--output-rate', 'flagged=0.02']);
    expect(exitCode).toBe(0);
    expect(stdout).toContain('card-fraud: 1.4.0 -> 2.0.0\n50 requests/s (stated)');
    expect(stdout).toContain('flagged 2 % (stated)');
    expect(stdout).toContain('error-rate 0.1 % (supposed)');
    expect(stdout).toMatch(/^4 {5}10 % {4}errors {8}twice the margin: 0.5 % against 0.1 % +\d+m +[\d,]+ +\d+ +\d+m, required$/m);
    expect(stderr).toContain('Only the model can tell what flags-everything, swapped-features would do: handoff rehearse card-fraud');
  });

  it.each([
    ['no rate', ['card-fraud', '--rps', '0']],
    ['a share above 1', ['card-fraud', '--rps', '5', '--error-rate', '2']],
    ['a rate without a name', ['card-fraud', '--rps', '5', '--output-rate', '0.1']],
    ['no model', []],
  ])('refuses %s', async (_, words) => {
    expect((await run(words)).usage).not.toBeNull();
  });

  it('ends with 3 when there is no plan, or no gateway to observe', async () => {
    expect(await run(['no-such-model', '--rps', '5'])).toMatchObject({ exitCode: 3, stderr: expect.stringContaining('no plan for no-such-model') });
    // Port 9 of the loopback: nothing listens there.
    expect(await run(['card-fraud', '--admin-url', 'http://127.0.0.1:9'])).toMatchObject({
      exitCode: 3,
      stderr: expect.stringContaining('can be stated instead'),
    });
  });

  it('ends with 1 for a plan that its candidate does not hold, with file and field', async () => {
    await changePlan('card-fraud', (text) => text.replace('bake: 8d', 'bake: 1d'));
    expect(await run(['card-fraud', '--rps', '5'])).toMatchObject({
      exitCode: 1,
      stderr: expect.stringMatching(/card-fraud\.yaml: bake: got 24 h, expected at least 192 h/),
    });
  });

  it('ends with 1 for a plan whose versions are not there', async () => {
    await changePlan('card-fraud', (text) => text.replace('baseline: 1.4.0', 'baseline: 1.3.0').replace('candidate: 2.0.0', 'candidate: 2.0.1'));
    const file = `${basename(rolloutDir)}/card-fraud.yaml`;
    const expected = `expected a version in ${join(repository, 'models/card-fraud')}`;
    expect(await run(['card-fraud', '--rps', '5'])).toMatchObject({
      exitCode: 1,
      stderr: `${file}: baseline: got 1.3.0, ${expected}\n${file}: candidate: got 2.0.1, ${expected}\n`,
    });
  });

  it('ends with 1 for two plans of one model', async () => {
    await mkdir(rolloutDir, { recursive: true });
    await cp(join(rolloutDir, 'card-fraud.yaml'), join(rolloutDir, 'again.yaml'));
    expect(await run(['card-fraud', '--rps', '5'])).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('one plan a model') });
  });
});
