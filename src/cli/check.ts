import { Command } from 'commander';
import { type Fault, faultText } from '../bundle/fault.ts';
import { writeDigests } from '../bundle/write-digests.ts';
import { type BundleFolders, type BundleProof, planFaults, proveBundles, selectBundles, withFolders } from './bundle-folders.ts';
import type { CliIo } from './io.ts';
import { textTable } from './text-table.ts';

interface CheckOptions extends BundleFolders {
  readonly json?: true;
  readonly writeDigests?: true;
}

interface BundleVerdict {
  readonly model: string;
  readonly version: string;
  readonly digest: string | null;
  readonly ok: boolean;
  readonly golden: { readonly passed: number; readonly total: number };
  readonly faults: readonly Fault[];
}

const verdictOf = ({ place, bundle, faults, golden }: BundleProof): BundleVerdict => ({
  model: place.model,
  version: place.version,
  digest: bundle?.digest ?? null,
  ok: faults.length === 0,
  golden: { passed: golden.filter((result) => result.ok).length, total: golden.length },
  faults,
});

const tableOf = (verdicts: readonly BundleVerdict[]): string =>
  textTable([
    ['bundle', 'verdict', 'golden', 'digest'],
    ...verdicts.map(({ model, version, ok, golden, digest }) => [
      `${model} ${version}`,
      ok ? 'holds' : 'refused',
      `${golden.passed}/${golden.total}`,
      digest?.slice(0, 12) ?? '-',
    ]),
  ]);

const faultLines = (verdicts: readonly BundleVerdict[], ofPlans: readonly Fault[]): readonly string[] => [
  ...verdicts.flatMap(({ model, version, faults }) => faults.map((fault) => `${model} ${version}: ${faultText(fault)}`)),
  ...ofPlans.map(faultText),
];

const report = (
  verdicts: readonly BundleVerdict[],
  ofPlans: readonly Fault[],
  { json, stdout }: { readonly json: boolean; readonly stdout: CliIo['stdout'] },
): boolean => {
  const ok = verdicts.every((verdict) => verdict.ok) && ofPlans.length === 0;
  if (json) stdout(`${JSON.stringify({ ok, bundles: verdicts, plans: { faults: ofPlans } }, null, 2)}\n`);
  else {
    stdout(tableOf(verdicts));
    for (const line of faultLines(verdicts, ofPlans)) stdout(`${line}\n`);
  }
  return ok;
};

const check = async (names: readonly string[], options: CheckOptions, io: CliIo): Promise<void> => {
  const places = await selectBundles(options, names);
  if (places.length === 0) {
    io.stderr(`no bundle${names.length === 0 ? '' : ` ${names.join(', ')}`} in ${options.modelsDir}\n`);
    return io.setExitCode(3);
  }
  if (options.writeDigests) for (const place of places) await writeDigests(place);
  const proofs = await proveBundles(places);
  const ofPlans = names.length === 0 ? await planFaults(options, proofs) : [];
  const ok = report(proofs.map(verdictOf), ofPlans, { json: options.json === true, stdout: io.stdout });
  io.setExitCode(ok ? 0 : 1);
};

/** `handoff check`: holds bundles against everything that the gateway asks before it serves them. */
export const checkCommand = (io: CliIo): Command =>
  withFolders(new Command('check'))
    .description('hold bundles against what they promise, as the gateway does before it serves them')
    .argument('[bundles...]', 'model or model/version; all when absent')
    .option('--json', 'one JSON object on standard output')
    .option('--write-digests', 'first write the digests of all files into handoff.yaml: for the author of a bundle')
    .action((names: string[], options: CheckOptions) => check(names, options, io));
