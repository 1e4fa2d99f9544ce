/**
 * What a broken candidate costs the baseline: p50 and p99 of the requests that are assigned to the baseline, with the
 * candidate at weight 0 (alone) and at weight 50 while every request breaks it. Open loop, so that a stalled gateway
 * shows; alone and broken in turn, on one gateway.
 */
import { parseArgs } from 'node:util';
import { deliver, goldenRows, makeTeamFolders, plan } from '../test/support/bundles.ts';
import { type GatewayProcess, startGateway } from '../test/support/gateway.ts';
import { type LoadResult, runLoad } from './client.ts';
import { baseline, candidate, createJudge, model as original, type PreparedRequest, postInfer } from './requests.ts';
import { setWeight } from './servers.ts';
import { columns, quantile } from './statistics.ts';

const breakages = ['throws', 'nan', 'out-of-range', 'endless', 'allocates'];
/** Above it every graph of test/fixtures/broken-candidates breaks. */
const breakingAmount = 1_500;
const requestCount = 1_000;
/** Enough that a baseline request never waits for a connection that a hanging candidate holds: 500 of them a second for 225 ms. */
const connections = 512;

const prepare = async (gateway: GatewayProcess, model: string): Promise<readonly PreparedRequest[]> => {
  const [row] = await goldenRows(original, [baseline, candidate], '01-ordinary-purchase.json');
  const body = { model, inputs: [{ ...row, amount: breakingAmount }] };
  const pinned = await gateway.infer({ ...body, version: baseline });
  const judge = createJudge(new Map([[baseline, pinned.body.outputs?.[0] ?? {}]]));
  return Array.from({ length: requestCount }, (_, index) => ({ bytes: postInfer(body, `customer-${index}`), judge }));
};

/** Joins the answers of several loads. */
const joined = (loads: readonly LoadResult[]) => ({
  baselineMs: loads.flatMap(({ latenciesMs }) => latenciesMs.baseline),
  candidateMs: loads.flatMap(({ latenciesMs }) => latenciesMs.candidate),
  wrong: loads.reduce((sum, { wrong }) => sum + wrong, 0),
  answered: loads.reduce((sum, { answered }) => sum + answered, 0),
});

const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '2' },
    rate: { type: 'string', default: '1000' },
    only: { type: 'string' },
  },
});
const [rounds, seconds, ratePerSecond] = [Number(options.rounds), Number(options.seconds), Number(options.rate)];
const ms = (values: readonly number[], q: number): string => quantile(values, q).toFixed(2);

const folders = await makeTeamFolders();
for (const name of breakages) {
  const model = `${original}-${name}`;
  await deliver(folders, { from: { model: original, version: baseline }, as: { model, version: baseline } });
  await deliver(folders, {
    from: { model: original, version: candidate },
    as: { model, version: candidate },
    graph: `test/fixtures/broken-candidates/${name}.onnx`,
    // The engine would roll it back within a second; here it must go on breaking.
    edit: { file: 'acceptance.yaml', change: (text) => text.replaceAll(/^ *- \{ name: (errors|bad-outputs|flagged),.*\n/gm, '') },
  });
  await plan(folders, { model, baseline, candidate });
}
const gateway = await startGateway(folders).catch(async (error: unknown) => {
  await folders.remove();
  throw error;
});
const port = Number(new URL(gateway.url).port);

const measure = async (name: string): Promise<readonly string[]> => {
  const model = `${original}-${name}`;
  const requests = await prepare(gateway, model);
  const load = { port, connections, seconds, requests, ratePerSecond, sleeps: true };
  const [alone, broken]: [LoadResult[], LoadResult[]] = [[], []];
  await runLoad(load);
  for (let round = 0; round < rounds; round += 1) {
    await setWeight(gateway, model, 0);
    alone.push(await runLoad(load));
    await setWeight(gateway, model, 50);
    broken.push(await runLoad(load));
  }
  await setWeight(gateway, model, 0);
  const [without, beside] = [joined(alone), joined(broken)];
  const ratio = quantile(beside.baselineMs, 0.99) / quantile(without.baselineMs, 0.99);
  const rescued = await gateway.metric(new RegExp(`^gateway_inference_rescues_total\\{model="${model}"`));
  const wrong = [...alone, ...broken].find((each) => each.wrong > 0);
  if (wrong !== undefined) {
    process.stdout.write(`${name} answered wrong: ${wrong.firstWrong}\n`);
    process.exitCode = 1;
  }
  return [
    name,
    ms(without.baselineMs, 0.5),
    ms(without.baselineMs, 0.99),
    ms(beside.baselineMs, 0.5),
    ms(beside.baselineMs, 0.99),
    ratio.toFixed(2),
    ms(beside.candidateMs, 0.5),
    ms(beside.candidateMs, 0.99),
    `${rescued} of ${beside.candidateMs.length}`,
    `${without.wrong + beside.wrong} of ${without.answered + beside.answered}`,
  ];
};

try {
  const rows: (readonly string[])[] = [
    ['candidate', 'alone p50', 'alone p99', 'beside p50', 'beside p99', 'p99 ratio', 'rescued p50', 'rescued p99', 'rescued', 'wrong'],
  ];
  for (const name of breakages.filter((name) => options.only === undefined || options.only.split(',').includes(name))) rows.push(await measure(name));
  process.stdout.write(
    `Requests of the baseline, alone and beside a broken candidate at weight 50, ms; ${ratePerSecond} req/s, ${rounds} times ${seconds} s of each\n\n${columns(rows)}`,
  );
} finally {
  await gateway.end('SIGTERM');
  await folders.remove();
}
