import { Command } from 'commander';
import { type Fault, faultText } from '../bundle/fault.ts';
import { type BundlePlace, readBundle } from '../bundle/read-bundle.ts';
import { checkSignature } from '../bundle/signing/check-signature.ts';
import { readPublicKey, readTrustedKeys, type TrustedKey } from '../bundle/signing/keys.ts';
import { type BundleFolders, knownBundles, withFolders } from './bundle-folders.ts';
import type { CliIo } from './io.ts';
import { textTable } from './text-table.ts';
import { trustedKeysOption, usableKeys } from './trusted-keys.ts';

interface VerifyOptions extends BundleFolders {
  readonly key: readonly string[];
  readonly trustedKeysDir?: string;
  readonly json?: true;
}

interface Verified {
  readonly model: string;
  readonly version: string;
  readonly digest: string | null;
  readonly signer: Pick<TrustedKey, 'name' | 'hint'> | null;
  readonly faults: readonly Fault[];
}

const verifyOne = async (place: BundlePlace, keys: readonly TrustedKey[]): Promise<Verified> => {
  const { model, version } = place;
  const { bundle, faults } = await readBundle(place);
  if (bundle === null) return { model, version, digest: null, signer: null, faults };
  return { model, version, digest: bundle.digest, ...checkSignature(bundle, keys) };
};

const tableOf = (results: readonly Verified[]): string =>
  textTable([
    ['bundle', 'verdict', 'key', 'digest'],
    ...results.map(({ model, version, digest, signer }) => [
      `${model} ${version}`,
      signer === null ? 'refused' : 'trusted',
      signer === null ? '-' : `${signer.name} (${signer.hint.slice(0, 12)})`,
      digest?.slice(0, 12) ?? '-',
    ]),
  ]);

const faultLines = (results: readonly Verified[]): string =>
  results.flatMap(({ model, version, faults }) => faults.map((fault) => `${model} ${version}: ${faultText(fault)}\n`)).join('');

/** @throws KeyError for keys that cannot be used */
const keysOf = async ({ key, trustedKeysDir }: VerifyOptions): Promise<readonly TrustedKey[]> => [
  ...(await Promise.all(key.map(readPublicKey))),
  ...(trustedKeysDir === undefined ? [] : await readTrustedKeys(trustedKeysDir)),
];

/** The keys, or null once it is said why there are none. */
const someKeys = async (options: VerifyOptions, io: CliIo): Promise<readonly TrustedKey[] | null> => {
  const keys = await usableKeys(keysOf(options), io);
  if (keys === null || keys.length > 0) return keys;
  io.stderr('got no key, expected --key or --trusted-keys-dir\n');
  return null;
};

const verify = async (names: readonly string[], options: VerifyOptions, io: CliIo): Promise<void> => {
  const places = await knownBundles(options, names, io);
  if (places === null) return io.setExitCode(3);
  const keys = await someKeys(options, io);
  if (keys === null) return io.setExitCode(2);
  const results: Verified[] = [];
  for (const place of places) results.push(await verifyOne(place, keys));
  const ok = results.every(({ signer }) => signer !== null);
  io.stdout(options.json ? `${JSON.stringify({ ok, bundles: results })}\n` : `${tableOf(results)}${faultLines(results)}`);
  io.setExitCode(ok ? 0 : 1);
};

const collect = (value: string, before: readonly string[]): readonly string[] => [...before, value];

/** `handoff verify`: holds bundles, golden cases and all, against their signatures. */
export const verifyCommand = (io: CliIo): Command =>
  withFolders(new Command('verify'))
    .description('hold every file of bundles, golden cases included, against their signature by a trusted key')
    .argument('<bundles...>', 'model or model/version')
    .option('--key <pem>', 'file of a public key; may be given more than once', collect, [])
    .addOption(trustedKeysOption())
    .option('--json', 'one JSON object on standard output')
    .action((names: string[], options: VerifyOptions) => verify(names, options, io));
