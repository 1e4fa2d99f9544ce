import { Command, InvalidArgumentError } from 'commander';
import { faultText } from '../bundle/fault.ts';
import type { Bundle } from '../bundle/read-bundle.ts';
import { systemClock } from '../clock.ts';
import { durationWords } from '../control-plane/forecast/duration-words.ts';
import { openVersion } from '../data-plane/inference/open-version.ts';
import type { ServingVersion } from '../data-plane/inference/serving-version.ts';
import type { Launcher } from '../data-plane/processes/launcher.ts';
import { readCases, readGroups } from '../rehearsal/read-cases.ts';
import { type RehearsedRollout, rehearse } from '../rehearsal/rehearse.ts';
import { type BundleFolders, silentHooks, withFolders } from './bundle-folders.ts';
import { type FoundPlan, findPlan } from './find-plan.ts';
import type { CliIo } from './io.ts';
import { positive, share } from './stated-traffic.ts';
import { textTable } from './text-table.ts';
import { withLauncher } from './with-launcher.ts';

interface RehearseOptions extends BundleFolders {
  readonly rps: number;
  readonly unitShare: number;
  readonly positiveShare?: number;
  readonly cases?: RegExp;
  readonly seed: number;
  readonly json?: true;
}

/** Few requests a second: a rehearsal plays days of them. */
const usualRps = 2;

const seedOf = (text: string): number => {
  const seed = Number(text);
  if (!Number.isSafeInteger(seed) || seed < 0) throw new InvalidArgumentError('expected a whole number from 0 on');
  return seed;
};

const patternOf = (text: string): RegExp => {
  try {
    return new RegExp(text);
  } catch {
    throw new InvalidArgumentError('expected a regular expression');
  }
};

const count = (value: number): string => value.toLocaleString('en-US');

const caughtWords = ({ fault, ok, ending }: RehearsedRollout): string => {
  if (ok) return fault === null ? ending.phase : (ending.blamed ?? ending.phase);
  if (fault !== null) return `MISSED (${ending.phase})`;
  return ending.phase === 'held' ? 'HELD' : `ROLLED BACK (${ending.blamed ?? 'no guard'})`;
};

const rowOf = (rollout: RehearsedRollout): readonly string[] => {
  const { fault, ending } = rollout;
  return [fault ?? '(none)', caughtWords(rollout), `${ending.step}`, `${ending.weight} %`, count(ending.candidateRequests), durationWords(ending.seconds)];
};

const tableOf = (rollouts: readonly RehearsedRollout[]): string =>
  textTable([['fault', 'caught by', 'step', 'weight', 'candidate requests', 'time'], ...rollouts.map(rowOf)]);

/** Why a rollout went wrong, for a person: the sentence of its end, and the guards that nothing measures. */
const reasonOf = ({ fault, ending }: RehearsedRollout): string =>
  `${fault ?? 'the clean candidate'}: ${ending.sentence}${ending.notMeasured.length === 0 ? '' : `; not measured: ${ending.notMeasured.join(', ')}`}`;

const open = async (bundle: Bundle, launcher: Launcher): Promise<ServingVersion> => {
  const { version, faults } = await openVersion(bundle, { launcher, monotonicMs: systemClock.monotonicMs, hooks: silentHooks });
  if (version === null) throw new Error(`${bundle.model} ${bundle.version} does not serve: ${faults.map(faultText).join('; ')}`);
  return version;
};

const play = async (
  found: Extract<FoundPlan, { ok: true }>,
  options: RehearseOptions,
  { io, launcher }: { readonly io: CliIo; readonly launcher: Launcher },
): Promise<readonly RehearsedRollout[]> => {
  const all = await readCases(found.candidate.place.folder);
  const groups = await readGroups(found.candidate.place.folder);
  const cases = all.filter(({ id }) => options.cases?.test(id) ?? true);
  const baseline = await open(found.baseline, launcher);
  try {
    const candidate = await open(found.candidate, launcher);
    try {
      return await rehearse({
        ...found,
        baseline,
        candidate,
        cases,
        groups,
        requestsPerSecond: options.rps,
        unitShare: options.unitShare,
        ...(options.positiveShare === undefined ? {} : { positiveShare: options.positiveShare }),
        seed: options.seed,
        startMs: systemClock.wallMs(),
        monotonicMs: systemClock.monotonicMs,
        onEnd: (rollout) => io.stderr(`${rollout.fault ?? 'clean'}: ${caughtWords(rollout)}\n`),
      });
    } finally {
      await candidate.close();
    }
  } finally {
    await baseline.close();
  }
};

const rehearseModel = async (model: string, options: RehearseOptions, io: CliIo): Promise<void> => {
  const found = await findPlan(model, options);
  if (!found.ok) {
    for (const line of found.lines) io.stderr(`${line}\n`);
    return io.setExitCode(found.exitCode);
  }
  const rollouts = await withLauncher((launcher) => play(found, options, { io, launcher })).catch((error: unknown) => {
    io.stderr(`${model} could not be rehearsed: ${error instanceof Error ? error.message : String(error)}\n`);
    return null;
  });
  if (rollouts === null) return io.setExitCode(3);
  const ok = rollouts.every((rollout) => rollout.ok);
  if (options.json) io.stdout(`${JSON.stringify({ ok, model, baseline: found.plan.baseline, candidate: found.plan.candidate, rollouts }, null, 2)}\n`);
  else io.stdout(`${model}: ${found.plan.baseline} -> ${found.plan.candidate}, ${options.rps} requests/s\n\n${tableOf(rollouts)}`);
  for (const rollout of rollouts.filter((entry) => !entry.ok)) io.stderr(`${reasonOf(rollout)}\n`);
  io.setExitCode(ok ? 0 : 1);
};

/** `handoff rehearse`: plays the whole plan on a simulated clock, once clean and once under each fault that the acceptance file declares. */
export const rehearseCommand = (io: CliIo): Command =>
  withFolders(new Command('rehearse'))
    .description(
      'play the plan of a model on a simulated clock, clean and under each declared fault; 1 when a fault is missed, or the clean run is rolled back or held without end',
    )
    .argument('<model>', 'name of the model')
    .option('--rps <number>', 'requests per second', positive, usualRps)
    .option('--unit-share <share>', 'share of the requests that are the first of their routing key', share, 1)
    .option('--positive-share <share>', 'share of the requests whose label is 1; as in the evaluation cases when absent', share)
    .option('--cases <pattern>', 'only the evaluation cases whose id matches this regular expression; all when absent', patternOf)
    .option('--seed <number>', 'the same seed gives the same chance', seedOf, 1)
    .option('--json', 'one JSON object on standard output')
    .action((model: string, options: RehearseOptions) => rehearseModel(model, options, io));
