import { Command } from 'commander';
import { diffContracts, type FieldDiff } from '../bundle/diff/diff-contracts.ts';
import { faultText } from '../bundle/fault.ts';
import { type Bundle, readBundle } from '../bundle/read-bundle.ts';
import { type BundleFolders, selectBundles, withFolders } from './bundle-folders.ts';
import type { CliIo } from './io.ts';
import { textTable } from './text-table.ts';

interface DiffOptions extends BundleFolders {
  readonly json?: true;
}

/** A bundle that holds, or null once it is said why there is none. */
const bundleOf = async (name: string, options: DiffOptions, io: CliIo): Promise<Bundle | null> => {
  const [place] = await selectBundles(options, [name]);
  if (place === undefined) {
    io.stderr(`no bundle ${name} in ${options.modelsDir}\n`);
    return null;
  }
  const { bundle, faults } = await readBundle(place);
  for (const fault of faults) io.stderr(`${name}: ${faultText(fault)}\n`);
  return bundle;
};

const reasonOf = ({ changes }: FieldDiff): string => changes.map(({ reason }) => reason).join('; ') || 'unchanged';

const nameOf = ({ field, from }: FieldDiff): string => (from === null ? field : `${field} (from ${from})`);

const tableOf = (diffs: readonly FieldDiff[]): string =>
  textTable([['side', 'field', 'verdict', 'reason'], ...diffs.map((diff) => [diff.side, nameOf(diff), diff.verdict, reasonOf(diff)])]);

/** What follows for a rollout, in one sentence. */
const summaryOf = (diffs: readonly FieldDiff[]): string => {
  const breaking = diffs.flatMap(({ changes }) => changes).filter(({ verdict }) => verdict === 'breaking');
  if (breaking.length === 0) return 'nothing breaks: the newer version can take all requests of the older one\n';
  return breaking.every(({ partialHelps }) => partialHelps)
    ? 'inputs break: a plan needs eligibility: partial, or the newer version a migration\n'
    : 'it breaks: the newer version cannot take traffic of the older one\n';
};

const diff = async (
  model: string,
  versions: { readonly before: string; readonly after: string },
  { options, io }: { readonly options: DiffOptions; readonly io: CliIo },
): Promise<void> => {
  const before = await bundleOf(`${model}/${versions.before}`, options, io);
  const after = await bundleOf(`${model}/${versions.after}`, options, io);
  if (before === null || after === null) return io.setExitCode(3);
  const fields = diffContracts(before, after);
  const breaks = fields.some(({ verdict }) => verdict === 'breaking');
  if (options.json) io.stdout(`${JSON.stringify({ model, before: before.version, after: after.version, compatible: !breaks, fields })}\n`);
  else {
    io.stdout(tableOf(fields));
    io.stderr(summaryOf(fields));
  }
  io.setExitCode(breaks ? 1 : 0);
};

/** `handoff diff`: what clients of one version would notice if another answered them. */
export const diffCommand = (io: CliIo): Command =>
  withFolders(new Command('diff'))
    .description('compare the contracts of two versions: each field compatible, additive or breaking for clients of the first')
    .argument('<model>', 'name of the model')
    .argument('<before>', 'version whose clients are meant')
    .argument('<after>', 'version that is to answer them')
    .option('--json', 'one JSON object on standard output')
    // Commander hands over each argument by itself.
    // biome-ignore lint/complexity/useMaxParams: see above
    .action((model: string, before: string, after: string, options: DiffOptions) => diff(model, { before, after }, { options, io }));
