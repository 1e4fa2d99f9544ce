import { readFile } from 'node:fs/promises';
import { Command, Option } from 'commander';
import { type Difference, differencesFrom } from '../bundle/golden-case.ts';
import { readBundle, type BundlePlace } from '../bundle/read-bundle.ts';
import { faultText } from '../bundle/fault.ts';
import { type BundleFolders, proveBundle, selectBundles, withFolders } from './bundle-folders.ts';
import type { CliIo } from './io.ts';
import { textTable } from './text-table.ts';

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

const inProcess = async (place: BundlePlace): Promise<readonly CaseResult[]> => {
  const { model, version } = place;
  const { faults, golden } = await proveBundle(place);
  if (golden.length === 0) return [{ model, version, file: '-', result: 'failed', differences: [], detail: faults.map(faultText).join('; ') }];
  return golden.map(({ file, ok, differences }) => ({ model, version, file, result: ok ? 'ok' : 'failed', differences }));
};

const ask = async (url: string, body: unknown, key: string | null): Promise<Response> =>
  fetch(new URL('/infer', url), {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...(key === null ? {} : { authorization: `Bearer ${key}` }) },
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(timeoutMs),
  });

/** A gateway that is not there, not ready or does not let us in says nothing about the model. */
const saysNothing = (status: number): boolean => status === 401 || status === 403 || status === 429 || status === 503;

const overHttp = async (place: BundlePlace, url: string, key: string | null): Promise<readonly CaseResult[]> => {
  const { model, version } = place;
  const { bundle, faults } = await readBundle(place);
  if (bundle === null) return [{ model, version, file: '-', result: 'failed', differences: [], detail: faults.map(faultText).join('; ') }];
  const results: CaseResult[] = [];
  for (const { file, golden } of bundle.golden) {
    const identity = { model, version, file };
    try {
      const response = await ask(url, { model, version, inputs: golden.request.inputs }, key);
      const body = (await response.json()) as { readonly outputs?: readonly unknown[]; readonly detail?: string };
      if (response.ok) {
        const differences = differencesFrom(golden, body.outputs ?? []);
        results.push({ ...identity, result: differences.length === 0 ? 'ok' : 'failed', differences });
      } else results.push({ ...identity, result: saysNothing(response.status) ? 'unanswered' : 'failed', differences: [], detail: `${response.status}: ${body.detail ?? ''}` });
    } catch (error) {
      results.push({ ...identity, result: 'unanswered', differences: [], detail: error instanceof Error ? error.message : String(error) });
    }
  }
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

const smoke = async (names: readonly string[], options: SmokeOptions, io: CliIo): Promise<void> => {
  const places = await selectBundles(options, names);
  if (places.length === 0) {
    io.stderr(`no bundle${names.length === 0 ? '' : ` ${names.join(', ')}`} in ${options.modelsDir}\n`);
    return io.setExitCode(3);
  }
  const key = options.keyFile === undefined ? null : await readFile(options.keyFile, 'utf8').catch(() => undefined);
  if (key === undefined) {
    io.stderr(`${options.keyFile} cannot be read\n`);
    return io.setExitCode(2);
  }
  const results: CaseResult[] = [];
  for (const place of places) results.push(...(options.url === undefined ? await inProcess(place) : await overHttp(place, options.url, key?.trim() ?? null)));
  const failed = results.filter(({ result }) => result === 'failed').length;
  const unanswered = results.filter(({ result }) => result === 'unanswered').length;
  if (options.json) io.stdout(`${JSON.stringify({ ok: failed + unanswered === 0, cases: results }, null, 2)}\n`);
  else {
    io.stdout(tableOf(results));
    io.stderr(`${results.length - failed - unanswered} of ${results.length} golden cases hold\n`);
  }
  return io.setExitCode(failed > 0 ? 1 : unanswered > 0 ? 3 : 0);
};

/** `handoff smoke`: runs every golden case, in process or against a running gateway. */
export const smokeCommand = (io: CliIo): Command =>
  withFolders(new Command('smoke'))
    .description('run every golden case, in process or against a running gateway')
    .argument('[bundles...]', 'model or model/version; all when absent')
    .option('--url <url>', 'data port of a running gateway')
    .addOption(new Option('--key-file <file>', 'file with the access key for --url').env('HANDOFF_KEY_FILE'))
    .option('--json', 'one JSON object on standard output')
    .action((names: string[], options: SmokeOptions) => smoke(names, options, io));
