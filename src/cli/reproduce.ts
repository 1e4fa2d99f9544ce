import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { cp, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import { metricDifferences } from '../bundle/compare-metrics.ts';
import { faultText } from '../bundle/fault.ts';
import type { Bundle } from '../bundle/read-bundle.ts';
import { readBundle } from '../bundle/read-bundle.ts';
import { parsedJson } from '../checklist/parsed-json.ts';
import { systemClock } from '../clock.ts';
import { type BundleFolders, selectBundles, withFolders } from './bundle-folders.ts';
import type { CliIo } from './io.ts';
import { textTable } from './text-table.ts';

interface ReproduceOptions extends BundleFolders {
  readonly json?: true;
  readonly keep?: true;
}

/** A step of the dry run: what was done, how long it took, how it came out. */
interface StepLog {
  readonly step: string;
  readonly seconds: number;
  /** `could-not` says nothing about the bundle: the machine lacks something. */
  readonly result: 'ok' | 'failed' | 'could-not';
  readonly detail: string;
}

/** A step that ends the dry run. */
class StepError extends Error {
  override readonly name = 'StepError';
  readonly result: 'failed' | 'could-not';

  constructor(result: 'failed' | 'could-not', message: string) {
    super(message);
    this.result = result;
  }
}

type Training = NonNullable<Bundle['manifest']['training']>;

interface DryRun {
  readonly bundle: Bundle;
  readonly training: Training;
  /** Everything is made below this folder. */
  readonly folder: string;
  /** A copy of the bundle's folder: its own files are never written to. */
  readonly copy: string;
  readonly out: string;
}

/** Lines of a failed command that are shown. */
const shownLines = 15;

/** What the commands of a dry run get from outside: nothing of the user's own Python. */
const cleanEnvironment = { PYTHONNOUSERSITE: '1', PYTHONHASHSEED: '0', PIP_DISABLE_PIP_VERSION_CHECK: '1' };
const inherited = /^(PYTHON|VIRTUAL_ENV|CONDA)/;

/** Ends a command with everything that it started: what goes on would write into the folder that is being removed. */
const endGroup = ({ pid }: ChildProcess): void => {
  try {
    if (pid !== undefined) process.kill(-pid, 'SIGKILL');
  } catch {
    // It has ended by itself.
  }
};

const run = (command: string, args: readonly string[], { env, cwd }: { readonly env: CliIo['env']; readonly cwd: string }): Promise<string> =>
  new Promise((resolve, reject) => {
    const kept = Object.fromEntries(Object.entries(env).filter(([name]) => !inherited.test(name)));
    const child = spawn(command, args, { cwd, env: { ...kept, ...cleanEnvironment }, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
    const end = (): void => endGroup(child);
    process.once('exit', end);
    const lines: string[] = [];
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text: string) => lines.push(text));
    child.on('error', (error) => reject(new StepError('could-not', `${command}: ${error.message}`)));
    child.on('close', (code) => {
      process.off('exit', end);
      const text = lines.join('').trimEnd();
      if (code === 0) resolve(text);
      else reject(new StepError('failed', `exit ${code}\n${text.split('\n').slice(-shownLines).join('\n')}`));
    });
  });

const python = ({ folder }: DryRun): string => join(folder, 'venv', 'bin', 'python');

/** The interpreter of the declared version, or the default one if it is of that version. */
const makeEnvironment = async ({ training, folder }: DryRun, env: CliIo['env']): Promise<string> => {
  const versionOf = (command: string): Promise<string> =>
    run(command, ['-c', 'import sys; print("%d.%d" % sys.version_info[:2])'], { env, cwd: folder }).catch(() => '');
  for (const command of [`python${training.python}`, 'python3', 'python']) {
    if ((await versionOf(command)) !== training.python) continue;
    await run(command, ['-m', 'venv', join(folder, 'venv')], { env, cwd: folder });
    return `${command}, an empty environment`;
  }
  throw new StepError('could-not', `there is no Python ${training.python} here`);
};

/** With --no-deps: the list is the environment, and what it leaves out must be missed here and not in production. */
const installRequirements = async (dryRun: DryRun, env: CliIo['env']): Promise<string> => {
  const { training, copy, folder } = dryRun;
  await run(python(dryRun), ['-m', 'pip', 'install', '--quiet', '--no-deps', '-r', join(copy, training.requirements)], { env, cwd: folder });
  const frozen = await run(python(dryRun), ['-m', 'pip', 'freeze'], { env, cwd: folder });
  return `${frozen.split('\n').length} packages`;
};

const retrain = async (dryRun: DryRun, env: CliIo['env']): Promise<string> => {
  const { training, copy, out } = dryRun;
  const args = training.arguments.map((argument) => argument.replaceAll('{out}', out));
  await run(python(dryRun), [join(copy, training.script), ...args], { env, cwd: copy });
  return [training.script, ...training.arguments].join(' ');
};

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

const readMade = (dryRun: DryRun, file: string): Promise<Buffer> =>
  readFile(join(dryRun.out, file)).catch(() => {
    throw new StepError('failed', `the script did not write ${file}`);
  });

const compareModel = async (dryRun: DryRun): Promise<string> => {
  const [made, stated] = [sha256(await readMade(dryRun, 'model.onnx')), sha256(dryRun.bundle.modelBytes)];
  if (made === stated) return `bit-identical, sha256 ${stated}`;
  const detail = `sha256: got ${made}, expected ${stated}`;
  if (dryRun.training.bitIdentical) throw new StepError('failed', detail);
  return `${detail}; the bundle does not promise the same bytes`;
};

/** Figures of a file. */
const figuresIn = (bytes: Buffer, file: string): unknown => {
  const json = parsedJson(bytes.toString('utf8'));
  if ('fault' in json) throw new StepError('failed', `${file}: got ${json.fault}, expected JSON`);
  return json.document;
};

const readStated = ({ copy }: DryRun, file: string): Promise<Buffer> =>
  readFile(join(copy, file)).catch(() => {
    throw new StepError('failed', `the bundle has no ${file}`);
  });

const compareMetrics = async (dryRun: DryRun): Promise<string> => {
  const { metrics } = dryRun.training;
  const made = figuresIn(await readMade(dryRun, metrics), `${metrics} of the script`);
  const { compared, differences } = metricDifferences(made, figuresIn(await readStated(dryRun, metrics), metrics));
  if (differences.length > 0)
    throw new StepError('failed', differences.map(({ field, got, expected }) => `${field}: got ${got}, expected ${expected}`).join('\n'));
  if (compared === 0) throw new StepError('failed', `${metrics}: got no figure, expected one at least: nothing was compared`);
  return `${compared} figures agree`;
};

const steps = [
  ['environment', makeEnvironment],
  ['requirements', installRequirements],
  ['retrain', retrain],
  ['model', compareModel],
  ['metrics', compareMetrics],
] as const;

const runSteps = async (dryRun: DryRun, io: CliIo): Promise<readonly StepLog[]> => {
  const log: StepLog[] = [];
  for (const [step, act] of steps) {
    const startedMs = systemClock.monotonicMs();
    const entry = (result: StepLog['result'], detail: string): StepLog => ({
      step,
      seconds: Number(((systemClock.monotonicMs() - startedMs) / 1_000).toFixed(1)),
      result,
      detail,
    });
    try {
      log.push(entry('ok', await act(dryRun, io.env)));
    } catch (error) {
      if (!(error instanceof StepError)) throw error;
      log.push(entry(error.result, error.message));
      break;
    }
    io.stderr(`${step}: ${log.at(-1)?.seconds} s\n`);
  }
  return log;
};

/** Works in a folder that is gone afterwards, unless it is to be kept: with the process too, which an interruption ends before the work can. */
const inFolder = async (work: (folder: string) => Promise<void>, { keep }: ReproduceOptions, io: CliIo): Promise<void> => {
  const folder = mkdtempSync(join(tmpdir(), 'handoff-reproduce-'));
  const remove = (): void => {
    if (keep) io.stderr(`kept in ${folder}\n`);
    else rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
  };
  process.once('exit', remove);
  try {
    await work(folder);
  } finally {
    process.off('exit', remove);
    remove();
  }
};

const dryRunIn = async (folder: string, { bundle, training }: Pick<DryRun, 'bundle' | 'training'>): Promise<DryRun> => {
  const copy = join(folder, bundle.model, bundle.version);
  await cp(bundle.place.folder, copy, { recursive: true });
  return { bundle, training, folder, copy, out: join(folder, 'out') };
};

const exitCodeOf = (log: readonly StepLog[]): 0 | 1 | 3 => {
  const { result } = log.at(-1) ?? { result: 'could-not' };
  return result === 'ok' ? 0 : result === 'failed' ? 1 : 3;
};

const report = (log: readonly StepLog[], bundle: Bundle, { json }: ReproduceOptions): string =>
  json
    ? `${JSON.stringify({ ok: exitCodeOf(log) === 0, model: bundle.model, version: bundle.version, digest: bundle.digest, steps: log }, null, 2)}\n`
    : textTable([['step', 'seconds', 'result', 'detail'], ...log.map(({ step, seconds, result, detail }) => [step, String(seconds), result, detail])]);

/** The bundle that is to be rebuilt, or the exit code and the reason why there is none. */
const findBundle = async (
  name: string,
  options: ReproduceOptions,
): Promise<{ readonly bundle: Bundle; readonly training: Training } | { readonly code: 1 | 2 | 3; readonly why: string }> => {
  const [place, ...others] = await selectBundles(options, [name]);
  if (place === undefined) return { code: 3, why: `no bundle ${name} in ${options.modelsDir}` };
  if (others.length > 0) return { code: 2, why: `${name} has ${others.length + 1} versions: name one as model/version` };
  const { bundle, faults } = await readBundle(place);
  if (bundle === null) return { code: 1, why: faults.map(faultText).join('\n') };
  const { training } = bundle.manifest;
  return training === undefined ? { code: 1, why: 'handoff.yaml: training: got nothing, expected how the bundle is rebuilt' } : { bundle, training };
};

const reproduce = async (name: string, options: ReproduceOptions, io: CliIo): Promise<void> => {
  const found = await findBundle(name, options);
  if ('code' in found) {
    io.stderr(`${found.why}\n`);
    return io.setExitCode(found.code);
  }
  const work = async (folder: string): Promise<void> => {
    const log = await runSteps(await dryRunIn(folder, found), io);
    io.stdout(report(log, found.bundle, options));
    io.setExitCode(exitCodeOf(log));
  };
  await inFolder(work, options, io);
};

/** `handoff reproduce`: rebuilds a bundle from its own pinned requirements and script, and compares model and metrics with what it states. */
export const reproduceCommand = (io: CliIo): Command =>
  withFolders(new Command('reproduce'))
    .description('rebuild a bundle in a clean environment and compare model and metrics with what it states')
    .argument('<bundle>', 'model/version')
    .option('--json', 'one JSON object on standard output')
    .option('--keep', 'leave the folder of the dry run')
    .action((name: string, options: ReproduceOptions) => reproduce(name, options, io));
