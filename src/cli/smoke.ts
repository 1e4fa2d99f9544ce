import { setTimeout as pause } from 'node:timers/promises';
import { Command, Option } from 'commander';
import { faultText } from '../bundle/fault.ts';
import { type Difference, differencesFrom, type GoldenCase } from '../bundle/golden-case.ts';
import { type BundlePlace, readBundle } from '../bundle/read-bundle.ts';
import { type BundleFolders, type BundleProof, knownBundles, proveBundles, withFolders } from './bundle-folders.ts';
import { type GatewayAddress, gatewayAddress, headersFor, urlBelow, whyNoAnswer } from './gateway-address.ts';
import type { CliIo } from './io.ts';
import { textTable } from './text-table.ts';
import { createWaitUntilServed, type InferAnswer, type WaitUntilServed } from './wait-until-served.ts';

interface SmokeOptions extends BundleFolders {
  readonly url?: string;
  readonly keyFile?: string;
  readonly json?: true;
}

/** One golden case: `failed` gave another answer, `unanswered` could not be asked. */
interface CaseResult {
  readonly model: string;
  readonly version: string;
  readonly file: string;
  readonly result: 'ok' | 'failed' | 'unanswered';
  readonly differences: readonly Difference[];
  readonly detail?: string;
}

/** A case that takes longer is answered by no working gateway. */
const timeoutMs = 10_000;

const inProcess = ({ place: { model, version }, faults, golden }: BundleProof): readonly CaseResult[] => {
  if (golden.length === 0) return [{ model, version, file: '-', result: 'failed', differences: [], detail: faults.map(faultText).join('; ') }];
  return golden.map(({ file, ok, differences }) => ({ model, version, file, result: ok ? 'ok' : 'failed', differences }));
};

/** The gateway that is asked, and how long it is waited for. */
interface Gateway {
  readonly address: GatewayAddress;
  readonly waitUntilServed: WaitUntilServed;
}

const ask = async (address: GatewayAddress, body: unknown): Promise<InferAnswer> => {
  const response = await fetch(urlBelow(address.url, ['infer']), {
    method: 'POST',
    headers: headersFor(address),
    body: JSON.stringify(body),
    // The secret goes to the address that was given and to no other.
    redirect: 'error',
    signal: AbortSignal.timeout(timeoutMs),
  });
  return { status: response.status, retryAfter: response.headers.get('retry-after'), body: (await response.json()) as InferAnswer['body'] };
};

/** A gateway that is not there, not ready or does not let us in says nothing about the model. */
const saysNothing = (status: number): boolean => status === 401 || status === 403 || status === 429 || status === 503;

type Asked = Pick<CaseResult, 'result' | 'differences' | 'detail'>;

const answered = ({ status, body }: InferAnswer, golden: GoldenCase): Asked => {
  if (status !== 200) return { result: saysNothing(status) ? 'unanswered' : 'failed', differences: [], detail: `${status}: ${body.detail ?? ''}` };
  const differences = differencesFrom(golden, body.outputs ?? []);
  return { result: differences.length === 0 ? 'ok' : 'failed', differences };
};

const askCase = async ({ model, version }: BundlePlace, golden: GoldenCase, { address, waitUntilServed }: Gateway): Promise<Asked> => {
  try {
    return answered(await waitUntilServed(() => ask(address, { model, version, inputs: golden.request.inputs })), golden);
  } catch (error) {
    return { result: 'unanswered', differences: [], detail: whyNoAnswer(error) };
  }
};

const overHttp = async (place: BundlePlace, gateway: Gateway): Promise<readonly CaseResult[]> => {
  const { model, version } = place;
  const { bundle, faults } = await readBundle(place);
  if (bundle === null) return [{ model, version, file: '-', result: 'failed', differences: [], detail: faults.map(faultText).join('; ') }];
  const results: CaseResult[] = [];
  for (const { file, golden } of bundle.golden) results.push({ model, version, file, ...(await askCase(place, golden, gateway)) });
  return results;
};

const differenceText = ({ pointer, got, expected }: Difference): string => `${pointer}: got ${got}, expected ${expected}`;

const tableOf = (results: readonly CaseResult[]): string =>
  textTable([
    ['bundle', 'golden case', 'result'],
    ...results.map(({ model, version, file, result, differences, detail }) => [
      `${model} ${version}`,
      file,
      [result, ...differences.map(differenceText), ...(detail === undefined ? [] : [detail])].join('  '),
    ]),
  ]);

const report = (results: readonly CaseResult[], { json }: SmokeOptions, io: CliIo): void => {
  const count = (result: CaseResult['result']): number => results.filter((entry) => entry.result === result).length;
  if (json) io.stdout(`${JSON.stringify({ ok: count('ok') === results.length, cases: results }, null, 2)}\n`);
  else {
    io.stdout(tableOf(results));
    io.stderr(`${count('ok')} of ${results.length} golden cases hold\n`);
  }
  io.setExitCode(count('failed') > 0 ? 1 : count('unanswered') > 0 ? 3 : 0);
};

/** Waits this long, milliseconds. */
type Wait = (ms: number) => Promise<unknown>;

const smoke = async (names: readonly string[], options: SmokeOptions, { io, wait }: { readonly io: CliIo; readonly wait: Wait }): Promise<void> => {
  const places = await knownBundles(options, names, io);
  if (places === null) return io.setExitCode(3);
  const { url, keyFile } = options;
  const address = url === undefined ? null : gatewayAddress({ option: '--url', url, keyFile });
  if (typeof address === 'string') {
    io.stderr(`${address}\n`);
    return io.setExitCode(2);
  }
  if (address === null) return report((await proveBundles(places)).flatMap(inProcess), options, io);
  const gateway = { address, waitUntilServed: createWaitUntilServed(wait) };
  const results: CaseResult[] = [];
  for (const place of places) results.push(...(await overHttp(place, gateway)));
  report(results, options, io);
};

/** `handoff smoke`: runs every golden case, in process or against a running gateway; there it waits for versions that are still to be proven. */
export const smokeCommand = (io: CliIo, wait: Wait = pause): Command =>
  withFolders(new Command('smoke'))
    .description('run every golden case, in process or against a running gateway')
    .argument('[bundles...]', 'model or model/version; all when absent')
    .option('--url <url>', 'data port of a running gateway')
    .addOption(new Option('--key-file <file>', 'file with the access key for --url').env('HANDOFF_KEY_FILE'))
    .option('--json', 'one JSON object on standard output')
    .action((names: string[], options: SmokeOptions) => smoke(names, options, { io, wait }));
