import type { KeyObject } from 'node:crypto';
import { Command } from 'commander';
import { type Fault, faultText } from '../bundle/fault.ts';
import { type BundlePlace, readBundle } from '../bundle/read-bundle.ts';
import { KeyError, readPrivateKey } from '../bundle/signing/keys.ts';
import { signBundle } from '../bundle/signing/sign-bundle.ts';
import { type BundleFolders, knownBundles, withFolders } from './bundle-folders.ts';
import type { CliIo } from './io.ts';

interface SignOptions extends BundleFolders {
  readonly key: string;
  readonly json?: true;
}

interface Signed {
  readonly model: string;
  readonly version: string;
  /** Null when the bundle does not hold: then it is not signed. */
  readonly digest: string | null;
  readonly hint: string | null;
  readonly faults: readonly Fault[];
}

/** A bundle that does not hold is not signed: whoever signs says that its manifest, golden cases and all, is right. */
const signOne = async (place: BundlePlace, key: KeyObject): Promise<Signed> => {
  const { model, version } = place;
  const { bundle, faults } = await readBundle(place);
  if (bundle === null) return { model, version, digest: null, hint: null, faults };
  return { model, version, digest: bundle.digest, hint: await signBundle(bundle, key), faults };
};

const wordsOf = ({ model, version, digest, hint, faults }: Signed): string =>
  digest === null
    ? faults.map((fault) => `${model} ${version}: ${faultText(fault)}\n`).join('')
    : `${model} ${version}: signed digest ${digest} with key ${hint}\n`;

/** The key, or null once it is said why there is none. */
const usableKey = async (path: string, io: CliIo): Promise<KeyObject | null> =>
  readPrivateKey(path).catch((error: unknown) => {
    if (!(error instanceof KeyError)) throw error;
    io.stderr(`--key: ${error.message}\n`);
    return null;
  });

const report = (results: readonly Signed[], { json }: SignOptions, io: CliIo): void => {
  const ok = results.every(({ digest }) => digest !== null);
  if (json) io.stdout(`${JSON.stringify({ ok, bundles: results })}\n`);
  else for (const result of results) (result.digest === null ? io.stderr : io.stdout)(wordsOf(result));
  io.setExitCode(ok ? 0 : 1);
};

const sign = async (names: readonly string[], options: SignOptions, io: CliIo): Promise<void> => {
  const places = await knownBundles(options, names, io);
  if (places === null) return io.setExitCode(3);
  const key = await usableKey(options.key, io);
  if (key === null) return io.setExitCode(2);
  const results: Signed[] = [];
  for (const place of places) results.push(await signOne(place, key));
  report(results, options, io);
};

/** `handoff sign`: signs bundles that hold, after OpenSSF Model Signing v1.0. */
export const signCommand = (io: CliIo): Command =>
  withFolders(new Command('sign'))
    .description('sign bundles that hold: writes model.sig (OpenSSF Model Signing v1.0) over every file, golden cases by their digests')
    .argument('<bundles...>', 'model or model/version')
    .requiredOption('--key <pem>', 'file of the private key: elliptic curve P-256, P-384 or P-521')
    .option('--json', 'one JSON object on standard output')
    .action((names: string[], options: SignOptions) => sign(names, options, io));
