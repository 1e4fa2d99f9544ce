import { Command, Option } from 'commander';
import { type Fault, faultText } from '../bundle/fault.ts';
import type { BundlePlace } from '../bundle/read-bundle.ts';
import { readBundle } from '../bundle/read-bundle.ts';
import { readTrustedKeys } from '../bundle/signing/keys.ts';
import { type SignoffRole, signoffRoles, writeSignoff } from '../bundle/signoffs.ts';
import { writeDigests } from '../bundle/write-digests.ts';
import { readMachine } from '../checklist/budgets.ts';
import { type Checked, type ChecklistDeps, runChecklist } from '../checklist/checklist.ts';
import { CouldNotCheckError } from '../checklist/evaluation/cases.ts';
import { goNoGo } from '../checklist/go-no-go.ts';
import { systemClock } from '../clock.ts';
import { type BundleFolders, faultsBetween, knownBundles, planFaults, withFolders } from './bundle-folders.ts';
import { type Compared, withBaselines } from './check-baselines.ts';
import { checkTable, criteriaTable, findingLines, goNoGoText, reportJson } from './check-report.ts';
import type { CliIo } from './io.ts';
import { trustedKeysOption, usableKeys } from './trusted-keys.ts';
import { gatewayVocabulary } from './vocabulary.ts';
import { withLauncher } from './with-launcher.ts';

interface CheckOptions extends BundleFolders {
  readonly json?: true;
  readonly strict?: true;
  readonly writeDigests?: true;
  readonly against?: string;
  readonly signOff?: SignoffRole;
  readonly by?: string;
  readonly trustedKeysDir?: string;
}

const checkAll = async (compared: readonly Compared[], deps: ChecklistDeps): Promise<readonly Checked[]> => {
  const results: Checked[] = [];
  for (const { place, baseline } of compared) results.push(await runChecklist(place, baseline, deps));
  return results;
};

const print = (
  { results, ofPlans }: { readonly results: readonly Checked[]; readonly ofPlans: readonly Fault[] },
  options: CheckOptions,
  { stdout }: CliIo,
): void => {
  const strict = options.strict === true;
  if (options.json) {
    stdout(`${JSON.stringify(reportJson(results, ofPlans, strict), null, 2)}\n`);
    return;
  }
  stdout(checkTable(results, strict));
  for (const line of [...results.flatMap((result) => findingLines(result, strict)), ...ofPlans.map(faultText)]) stdout(`${line}\n`);
  if (results.some(({ evaluation }) => evaluation !== null)) stdout(`\n${criteriaTable(results)}`);
  if (options.against === undefined) return;
  for (const result of results) stdout(`\n${goNoGoText(result, goNoGo(result))}`);
};

/** Writes sign-offs over the digests of what is there now. False: a bundle cannot be read, or nobody is named. */
const signOff = async (places: readonly BundlePlace[], { signOff: role, by }: CheckOptions, { stderr }: CliIo): Promise<boolean> => {
  if (role === undefined) return true;
  if (by === undefined) {
    stderr('--sign-off needs --by NAME: a sign-off without a name is none\n');
    return false;
  }
  const at = new Date(systemClock.wallMs()).toISOString().slice(0, 10);
  for (const place of places) {
    const { bundle } = await readBundle(place);
    if (bundle === null) {
      stderr(`${place.model} ${place.version} cannot be read, so it cannot be signed off\n`);
      return false;
    }
    await writeSignoff(place.folder, { role, by, at, digest: bundle.digest });
  }
  return true;
};

/** What the machine is to blame for says nothing about a bundle. */
const couldNotCheck = (error: unknown, { stderr }: CliIo): null => {
  if (!(error instanceof CouldNotCheckError)) throw error;
  stderr(`could not check: ${error.message}; is the machine overloaded?\n`);
  return null;
};

/** Prints what was found, of the plans too: of all when no bundle was named, else of those between the bundles that were. @returns the exit code */
const reportAll = async (
  results: readonly Checked[],
  { names, options, io }: { readonly names: readonly string[]; readonly options: CheckOptions; readonly io: CliIo },
): Promise<0 | 1> => {
  const ofPlans = await (names.length === 0 ? planFaults : faultsBetween)(options, results);
  print({ results, ofPlans }, options, io);
  return reportJson(results, ofPlans, options.strict === true).ok ? 0 : 1;
};

const check = async (names: readonly string[], options: CheckOptions, { io, program }: { readonly io: CliIo; readonly program: Command }): Promise<void> => {
  const places = await knownBundles(options, names, io);
  const compared = places === null ? null : await withBaselines(places, options, io);
  if (places === null || compared === null) return io.setExitCode(3);
  if (options.writeDigests) for (const place of places) await writeDigests(place);
  if (!(await signOff(places, options, io))) return io.setExitCode(2);
  const { trustedKeysDir } = options;
  const trustedKeys = trustedKeysDir === undefined ? [] : await usableKeys(readTrustedKeys(trustedKeysDir), io);
  if (trustedKeys === null) return io.setExitCode(2);
  const { monotonicMs } = systemClock;
  const deps = { vocabulary: await gatewayVocabulary(program), machine: await readMachine(monotonicMs), monotonicMs, trustedKeys };
  const results = await withLauncher((launcher) => checkAll(compared, { ...deps, launcher })).catch((error: unknown) => couldNotCheck(error, io));
  if (results === null) return io.setExitCode(3);
  io.setExitCode(await reportAll(results, { names, options, io }));
};

/** `handoff check`: the handoff checklist, executed. */
export const checkCommand = (io: CliIo): Command =>
  withFolders(new Command('check'))
    .description('hold bundles against the handoff checklist: files, contract, graph, golden cases, budgets, criteria, documents, people')
    .argument('[bundles...]', 'model or model/version; all when absent')
    .option('--json', 'one JSON object on standard output')
    .option('--strict', 'warnings are failures')
    .option('--against <version>', 'print the go/no-go decision against this version; `baseline` for that of the plan')
    .option('--write-digests', 'first write the digests of all files into handoff.yaml: for the author of a bundle')
    .addOption(new Option('--sign-off <role>', 'first write a sign-off over the digest into signoffs.yaml').choices(signoffRoles))
    .option('--by <name>', 'who signs off')
    .addOption(trustedKeysOption())
    .action((names: string[], options: CheckOptions, command: Command) => check(names, options, { io, program: command.parent ?? command }));
