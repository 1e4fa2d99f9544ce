/**
 * What the comparison costs the requests that are compared: p50 and p99 of a model in its shadow step beside the same
 * model with nothing to compare, both at weight 0 behind one gateway, in turn, open loop.
 */
import { parseArgs } from 'node:util';
import { deliver, goldenRows, makeTeamFolders, plan } from '../test/support/bundles.ts';
import { type GatewayProcess, startGateway } from '../test/support/gateway.ts';
import { type LoadResult, runLoad } from './client.ts';
import { baseline, candidate, createJudge, model as original, type PreparedRequest, postInfer } from './requests.ts';
import { columns, median, quantile, spread } from './statistics.ts';

const requestCount = 2_000;
const connections = 128;
const warmUpSeconds = 5;

const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string', default: '8' },
    seconds: { type: 'string', default: '3' },
    rate: { type: 'string', default: '1000' },
    share: { type: 'string', default: '20' },
    'max-cpu-percent': { type: 'string', default: '10' },
  },
});
const [rounds, seconds, ratePerSecond] = [Number(options.rounds), Number(options.seconds), Number(options.rate)];
const models = { without: `${original}-alone`, with: `${original}-compared` };

const stepsOf = (model: string): string =>
  model === models.with
    ? `compare: { share: ${options.share}, maxCpuPercent: ${options['max-cpu-percent']} }\nsteps:\n  - shadow: { share: ${options.share}, duration: 24h }\n  - setWeight: 100\n`
    : 'compare: { share: 0, maxCpuPercent: 1 }\nsteps:\n  - setWeight: 0\n  - pause: {}\n  - setWeight: 100\n';

const prepare = async (gateway: GatewayProcess, model: string): Promise<readonly PreparedRequest[]> => {
  const [row] = await goldenRows(original, [baseline, candidate], '01-ordinary-purchase.json');
  const body = { model, inputs: [{ ...row }] };
  const answer = await gateway.infer({ ...body, version: baseline });
  const judge = createJudge(new Map([[baseline, answer.body.outputs?.[0] ?? {}]]));
  return Array.from({ length: requestCount }, (_, index) => ({ bytes: postInfer(body, `customer-${index}`), judge }));
};

const folders = await makeTeamFolders();
for (const model of Object.values(models)) {
  await deliver(folders, { from: { model: original, version: baseline }, as: { model, version: baseline } });
  await deliver(folders, { from: { model: original, version: candidate }, as: { model, version: candidate } });
  await plan(folders, { model, baseline, candidate, steps: stepsOf(model) });
}
const gateway = await startGateway(folders).catch(async (error: unknown) => {
  await folders.remove();
  throw error;
});
const port = Number(new URL(gateway.url).port);
const ms = (load: LoadResult, q: number): number => quantile(load.latenciesMs.baseline, q);

try {
  const requests = { without: await prepare(gateway, models.without), with: await prepare(gateway, models.with) };
  for (const model of Object.values(models)) await gateway.admin('POST', `/rollouts/${model}/start`, { reason: 'benchmark' });
  const load = (name: keyof typeof models, forSeconds = seconds): Promise<LoadResult> =>
    runLoad({ port, connections, seconds: forSeconds, requests: requests[name], ratePerSecond });
  for (const name of ['without', 'with'] as const) await load(name, warmUpSeconds);
  const measured: Record<keyof typeof models, LoadResult[]> = { without: [], with: [] };
  for (let round = 0; round < rounds; round += 1) {
    const order = round % 2 === 0 ? (['without', 'with'] as const) : (['with', 'without'] as const);
    for (const name of order) measured[name].push(await load(name));
  }
  const row = (name: keyof typeof models): readonly string[] => [
    name,
    ...[0.5, 0.99, 0.999].map((q) =>
      spread(
        measured[name].map((one) => ms(one, q)),
        2,
      ),
    ),
    `${measured[name].reduce((sum, { wrong }) => sum + wrong, 0)} of ${measured[name].reduce((sum, { answered }) => sum + answered, 0)}`,
  ];
  const ratio = (q: number): string => median(measured.with.map((one, index) => ms(one, q) / ms(measured.without[index] ?? one, q))).toFixed(2);
  const pairs = await gateway.metric(/^gateway_comparison_requests_total\{.*kind="(versions|self)"/);
  const cpuSeconds = await gateway.metric(/^gateway_comparison_cpu_seconds_total/);
  process.stdout.write(
    `${ratePerSecond} req/s, ${rounds} times ${seconds} s of each in turn, share ${options.share} %, at most ${options['max-cpu-percent']} % of a core: median (min-max), ms\n\n` +
      `${columns([['comparison', 'p50', 'p99', 'p99.9', 'wrong'], row('without'), row('with'), ['ratio', ratio(0.5), ratio(0.99), ratio(0.999), '']])}\n` +
      `${pairs} pairs, ${cpuSeconds.toFixed(2)} s of CPU in the comparison process\n`,
  );
} finally {
  await gateway.end('SIGTERM');
  await folders.remove();
}
