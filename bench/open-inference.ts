/**
 * `node bench/open-inference.ts`: the same rows by `/infer`, by `/v2` as JSON and by `/v2` as bytes on one gateway; then a
 * model server asked directly and through a gateway that stands before it. In turn, round after round. See bench/README.md.
 */
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { deliver, goldenOutputs, goldenRows, makeTeamFolders, type TeamFolders } from '../test/support/bundles.ts';
import { type GatewayProcess, startGateway } from '../test/support/gateway.ts';
import { runLoad } from './client.ts';
import { cpuTimeOf } from './cpu-time.ts';
import { baseline, model, type PreparedRequest, postInfer } from './requests.ts';
import { startScript } from './servers.ts';
import { columns, median, quantile, spread } from './statistics.ts';

const connections = 32;
const openLoopConnections = 64;
const warmUpSeconds = 4;
const absoluteTolerance = 1e-5;
const rowCounts = [1, 16, 64] as const;
const forms = ['/infer', '/v2 JSON', '/v2 bytes'] as const;
type Form = (typeof forms)[number];

const print = (text: string): void => void process.stdout.write(text);

const post = (path: string, body: Buffer, headers: Readonly<Record<string, string>>): Buffer => {
  const lines = Object.entries({ host: '127.0.0.1', ...headers, 'content-length': String(body.length) }).map(([name, value]) => `${name}: ${value}`);
  return Buffer.concat([Buffer.from(`POST ${path} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`), body]);
};

/** The golden row so many times, in each form, with the judge of its answer. */
const prepare = async (rows: number, features: readonly string[]): Promise<Readonly<Record<Form, PreparedRequest>>> => {
  const [row = {}] = await goldenRows(model, [baseline], '01-ordinary-purchase.json');
  const [output] = await goldenOutputs(model, baseline, '01-ordinary-purchase.json');
  const expected = Number(output?.fraud_probability);
  const judge = (valuesOf: (body: string) => readonly number[]) => (body: string) => {
    const values = valuesOf(body);
    return { right: values.length === rows && values.every((value) => Math.abs(value - expected) <= absoluteTolerance), arm: 'none' as const };
  };
  const data = Array.from({ length: rows }, () => features.map((name) => Number(row[name]))).flat();
  const tensor = { name: 'features', datatype: 'FP32', shape: [rows, features.length] };
  const path = `/v2/models/${model}/infer`;
  const head = Buffer.from(
    JSON.stringify({ parameters: { binary_data_output: true }, inputs: [{ ...tensor, parameters: { binary_data_size: 4 * data.length } }] }),
  );
  const bytes = Buffer.concat([head, Buffer.from(Float32Array.from(data).buffer)]);
  const jsonBody = Buffer.from(JSON.stringify({ inputs: [{ ...tensor, data }] }));
  return {
    '/infer': {
      bytes: postInfer({ model, inputs: Array.from({ length: rows }, () => row) }, 'k'),
      judge: judge((body) =>
        (JSON.parse(body) as { readonly outputs: readonly { readonly fraud_probability: number }[] }).outputs.map((one) => one.fraud_probability),
      ),
    },
    '/v2 JSON': {
      bytes: post(path, jsonBody, { 'content-type': 'application/json' }),
      judge: judge((body) => (JSON.parse(body) as { readonly outputs: readonly { readonly data: readonly number[] }[] }).outputs[0]?.data ?? []),
    },
    '/v2 bytes': {
      bytes: post(path, bytes, { 'inference-header-content-length': String(head.length) }),
      // Four bytes a row of the probability, then one of the flag.
      judge: judge((body) => {
        const all = Buffer.from(body, 'latin1');
        return Array.from({ length: rows }, (_, index) => all.readFloatLE(all.length - 5 * rows + 4 * index));
      }),
    },
  };
};

interface Measured {
  readonly perSecond: number;
  readonly cpuUs: number;
  readonly wrong: number;
}

const measure = async (gateway: GatewayProcess, request: PreparedRequest, seconds: number): Promise<Measured> => {
  const before = cpuTimeOf(gateway.pid);
  const result = await runLoad({ port: Number(new URL(gateway.url).port), connections, seconds, requests: [request] });
  const after = cpuTimeOf(gateway.pid);
  if (result.firstWrong !== null) print(`wrong: ${result.firstWrong.slice(0, 300)}\n`);
  return { perSecond: result.answered / result.seconds, cpuUs: ((after.ownMs - before.ownMs) * 1_000) / result.answered, wrong: result.wrong };
};

const rotated = <T>(list: readonly T[], by: number): readonly T[] => [...list.slice(by % list.length), ...list.slice(0, by % list.length)];

const compareForms = async (gateway: GatewayProcess, rows: number, { rounds, seconds, features }: Options): Promise<string> => {
  const requests = await prepare(rows, features);
  for (const form of forms) await measure(gateway, requests[form], warmUpSeconds);
  const all: Record<Form, Measured[]> = { '/infer': [], '/v2 JSON': [], '/v2 bytes': [] };
  for (let round = 0; round < rounds; round += 1) for (const form of rotated(forms, round)) all[form].push(await measure(gateway, requests[form], seconds));
  const ratio = (form: Form, value: (round: Measured) => number) => all[form].map((round, index) => value(round) / value(all['/infer'][index] ?? round));
  const wrong = forms.reduce((sum, form) => sum + all[form].reduce((count, round) => count + round.wrong, 0), 0);
  if (wrong > 0) process.exitCode = 1;
  return columns([
    ['form', 'rows', 'req/s', 'x /infer', 'CPU us/req', 'x /infer', 'wrong'],
    ...forms.map((form) => [
      form,
      String(rows),
      spread(
        all[form].map((round) => round.perSecond),
        0,
      ),
      spread(
        ratio(form, (round) => round.perSecond),
        2,
      ),
      spread(
        all[form].map((round) => round.cpuUs),
        1,
      ),
      spread(
        ratio(form, (round) => round.cpuUs),
        2,
      ),
      String(all[form].reduce((sum, round) => sum + round.wrong, 0)),
    ]),
  ]);
};

interface Options {
  readonly rounds: number;
  readonly seconds: number;
  readonly rate: number;
  readonly features: readonly string[];
}

interface Latency {
  readonly p50: number;
  readonly p99: number;
}

/** p50 and p99 of a server under an open loop, milliseconds. */
const latencies = async (port: number, request: PreparedRequest, { seconds, rate }: Options): Promise<Latency> => {
  const { latenciesMs, wrong } = await runLoad({ port, connections: openLoopConnections, seconds, requests: [request], ratePerSecond: rate, sleeps: true });
  if (wrong > 0) process.exitCode = 1;
  return { p50: quantile(latenciesMs.none, 0.5), p99: quantile(latenciesMs.none, 0.99) };
};

const ways = ['directly', 'through a bare proxy', 'through the gateway'] as const;
type Way = (typeof ways)[number];

const compareDirect = async (ports: Readonly<Record<Way, number>>, options: Options): Promise<string> => {
  const request = (await prepare(1, options.features))['/v2 bytes'];
  const all: Record<Way, Latency[]> = { directly: [], 'through a bare proxy': [], 'through the gateway': [] };
  for (const way of ways) await latencies(ports[way], request, { ...options, seconds: warmUpSeconds });
  for (let round = 0; round < options.rounds; round += 1) for (const way of rotated(ways, round)) all[way].push(await latencies(ports[way], request, options));
  const added = (way: Way, q: keyof Latency) => all[way].map((round, index) => round[q] - (all.directly[index]?.[q] ?? Number.NaN));
  const cells = (valuesOf: (q: keyof Latency) => readonly number[]) => [spread(valuesOf('p50'), 2), spread(valuesOf('p99'), 2)];
  const table = columns([
    ['asked', 'p50 ms', 'p99 ms', 'added p50', 'added p99'],
    ...ways.map((way) => [way, ...cells((q) => all[way].map((round) => round[q])), ...cells((q) => added(way, q))]),
  ]);
  return `${table}added p99, median of the rounds: ${median(added('through the gateway', 'p99')).toFixed(2)} ms (at most 1 is the aim)\n`;
};

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '3' },
    rate: { type: 'string', default: '500' },
    remote: { type: 'boolean', default: false },
  },
});
const folders: TeamFolders[] = [];
const gateways: GatewayProcess[] = [];
const serve = async (remote?: { readonly url: string; readonly model: string; readonly version: string }): Promise<GatewayProcess> => {
  const own = await makeTeamFolders();
  folders.push(own);
  const edit = { file: 'handoff.yaml', change: (text: string) => text.replace(/maxBatchRows: \d+/, 'maxBatchRows: 64') };
  await deliver(own, { from: { model, version: baseline }, edit, ...(remote === undefined ? {} : { remote }) });
  const gateway = await startGateway(own);
  gateways.push(gateway);
  return gateway;
};

try {
  const server = await serve();
  const before = await serve({ url: server.url, model, version: baseline });
  const { body } = await server.admin('GET', `/models/${model}/${baseline}`);
  const { inputs } = body.contract as { readonly inputs: readonly { readonly fields: readonly { readonly name: string }[] }[] };
  const options = {
    rounds: Number(values.rounds),
    seconds: Number(values.seconds),
    rate: Number(values.rate),
    features: (inputs[0]?.fields ?? []).map(({ name }) => name),
  };
  print(`Node ${process.version}, ${cpus().length} cores, ${connections} connections, ${options.rounds} rounds of ${options.seconds} s: median (min-max)\n\n`);
  for (const rows of values.remote ? [] : rowCounts) print(`${await compareForms(server, rows, options)}\n`);
  const portOf = ({ url }: GatewayProcess): number => Number(new URL(url).port);
  const proxy = await startScript('bare-proxy.ts', String(portOf(server)));
  const ports = { directly: portOf(server), 'through a bare proxy': proxy.port, 'through the gateway': portOf(before) };
  print(`Open loop, ${options.rate} req/s, one row as bytes:\n\n${await compareDirect(ports, options).finally(proxy.end)}`);
} finally {
  for (const gateway of gateways) await gateway.end('SIGTERM');
  for (const own of folders) await own.remove();
}
