/**
 * `npm run bench`: the ceiling, the gateway at two trace samplings and the naive server under the same requests, in turn,
 * round after round, all of them up all the time; then each at half of what it managed. See bench/README.md.
 */
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { type LoadResult, runLoad } from './client.ts';
import { cpuTimeOf, descendantsOf } from './cpu-time.ts';
import { model, prepareRequests } from './requests.ts';
import { type BenchGateway, type BenchServer, pin, startBenchGateway, startScript } from './servers.ts';
import { columns, median, quantile, spread } from './statistics.ts';

const weightPercent = 10;
const connections = 32;
/** Enough that nobody waits for a connection at half load. */
const openLoopConnections = 128;
/** Each with a routing key of its own, so that their share on the candidate is near the weight. */
const requestCount = 2_000;
/** The gateway's code is compiled by and by: after so long its CPU time a request no longer falls. */
const warmUpSeconds = 6;

interface Contender {
  readonly name: string;
  readonly server: BenchServer;
  readonly rounds: Round[];
}

interface Round {
  readonly perSecond: number;
  readonly ownUs: number;
  readonly workersUs: number;
  /** Cores that the server and its workers kept busy. */
  readonly cores: number;
  /** Cores that neither the server nor this load generator used: other processes of the machine. */
  readonly othersCores: number;
  readonly load: LoadResult;
}

/** CPU time of the whole machine since it started, milliseconds. */
const machineCpuMs = (): number => cpus().reduce((sum, { times }) => sum + times.user + times.nice + times.sys + times.irq, 0);

const print = (text: string): void => void process.stdout.write(text);

const requests = await prepareRequests(requestCount);

const measure = async (
  { pid, port }: BenchServer,
  load: { readonly seconds: number; readonly connections: number; readonly ratePerSecond?: number },
): Promise<Round> => {
  const before = { server: cpuTimeOf(pid), machineMs: machineCpuMs(), client: process.cpuUsage() };
  const result = await runLoad({ port, requests, ...load });
  const [after, machineMs, client] = [cpuTimeOf(pid), machineCpuMs(), process.cpuUsage(before.client)];
  const ownMs = after.ownMs - before.server.ownMs;
  const workersMs = after.descendantsMs - before.server.descendantsMs;
  const othersMs = machineMs - before.machineMs - ownMs - workersMs - (client.user + client.system) / 1_000;
  const [perRequest, perSecond] = [1_000 / result.answered, 1 / result.seconds];
  return {
    perSecond: result.answered * perSecond,
    ownUs: ownMs * perRequest,
    workersUs: workersMs * perRequest,
    cores: ((ownMs + workersMs) / 1_000) * perSecond,
    othersCores: Math.max(0, othersMs / 1_000) * perSecond,
    load: result,
  };
};

/** The value of each round over the ceiling's in the same round. */
const ratios = (of: Contender, ceiling: Contender, value: (round: Round) => number): readonly number[] =>
  of.rounds.map((round, index) => value(round) / value(ceiling.rounds[index] ?? round));

const sumUs = (round: Round): number => round.ownUs + round.workersUs;
const candidateShare = ({ latenciesMs, answered }: LoadResult): number => latenciesMs.candidate.length / answered;

const closedLoopTable = (contenders: readonly Contender[], ceiling: Contender): string =>
  columns([
    ['server', 'req/s', 'x ceiling', 'CPU us/req', 'of which workers', 'x ceiling', 'without workers', 'cores busy', 'others busy', 'candidate', 'wrong'],
    ...contenders.map((contender) => {
      const { name, rounds } = contender;
      const all = (value: (round: Round) => number): readonly number[] => rounds.map(value);
      return [
        name,
        spread(
          all((round) => round.perSecond),
          0,
        ),
        spread(
          ratios(contender, ceiling, (round) => round.perSecond),
          2,
        ),
        spread(all(sumUs), 1),
        spread(
          all((round) => round.workersUs),
          1,
        ),
        spread(ratios(contender, ceiling, sumUs), 2),
        spread(
          ratios(contender, ceiling, (round) => round.ownUs),
          2,
        ),
        median(all((round) => round.cores)).toFixed(2),
        median(all((round) => round.othersCores)).toFixed(2),
        `${(100 * median(all((round) => candidateShare(round.load)))).toFixed(1)} %`,
        `${rounds.reduce((sum, round) => sum + round.load.wrong, 0)} of ${rounds.reduce((sum, round) => sum + round.load.answered, 0)}`,
      ];
    }),
  ]);

const halfLoad = async (contenders: readonly Contender[], seconds: number): Promise<string> => {
  const rows: string[][] = [['server', 'at req/s', 'p50 ms', 'p99 ms', 'candidate p50', 'candidate p99', 'CPU us/req', 'wrong']];
  for (const { name, server, rounds } of contenders) {
    const ratePerSecond = median(rounds.map((round) => round.perSecond)) / 2;
    const round = await measure(server, { seconds, connections: openLoopConnections, ratePerSecond });
    const { latenciesMs, wrong, answered } = round.load;
    const everyone = Object.values(latenciesMs).flat();
    const inMs = (values: readonly number[], q: number): string => (values.length === 0 ? '-' : quantile(values, q).toFixed(2));
    const candidates = latenciesMs.candidate;
    rows.push([
      name,
      round.perSecond.toFixed(0),
      inMs(everyone, 0.5),
      inMs(everyone, 0.99),
      inMs(candidates, 0.5),
      inMs(candidates, 0.99),
      sumUs(round).toFixed(1),
      `${wrong} of ${answered}`,
    ]);
    rounds.push(round);
  }
  return columns(rows);
};

/** The order changes from round to round, so that nobody always runs after the same neighbour. */
const rotated = <T>(list: readonly T[], by: number): readonly T[] => [...list.slice(by % list.length), ...list.slice(0, by % list.length)];

const reportSpans = async (gateways: Readonly<Record<string, BenchGateway>>, sink: BenchServer): Promise<void> => {
  for (const [name, { gateway }] of Object.entries(gateways)) {
    print(
      `${name}: ${await gateway.metric(/^gateway_spans_dropped_total/)} spans dropped, ${await gateway.metric(/^gateway_inference_rescues_total/)} requests rescued\n`,
    );
  }
  const received = (await (await fetch(`http://127.0.0.1:${sink.port}`)).json()) as { readonly exports: number; readonly bytes: number };
  print(`collector: ${received.exports} exports, ${(received.bytes / 2 ** 20).toFixed(1)} MiB received\n`);
};

const { values: options } = parseArgs({
  options: { rounds: { type: 'string', default: '5' }, seconds: { type: 'string', default: '3' }, pin: { type: 'boolean', default: false } },
});
const [rounds, seconds] = [Number(options.rounds), Number(options.seconds)];
const running: BenchServer[] = [];
const started = async <T extends BenchServer>(starting: Promise<T>): Promise<T> => {
  const server = await starting;
  running.push(server);
  return server;
};

try {
  const sink = await started(startScript('sink.ts'));
  const gateways = {
    'gateway, 1 % traced': await started(startBenchGateway(weightPercent, { ratio: 0.01, sink })),
    'gateway, 100 % traced': await started(startBenchGateway(weightPercent, { ratio: 1, sink })),
  };
  const ceiling: Contender = { name: 'ceiling', server: await started(startScript('ceiling.ts')), rounds: [] };
  const naive: Contender = { name: 'naive express', server: await started(startScript('naive.ts')), rounds: [] };
  const contenders = [ceiling, ...Object.entries(gateways).map(([name, server]) => ({ name, server, rounds: [] as Round[] })), naive];
  if (options.pin) {
    pin(process.pid, 1);
    for (const { pid } of running) for (const each of [pid, ...descendantsOf(pid)]) pin(each, pid === sink.pid ? 1 : 0);
  }
  for (const { server } of contenders) await measure(server, { seconds: warmUpSeconds, connections });
  for (let round = 0; round < rounds; round += 1) {
    for (const contender of rotated(contenders, round)) contender.rounds.push(await measure(contender.server, { seconds, connections }));
  }
  print(
    `Node ${process.version}, ${cpus().length} cores, ${connections} connections, ${rounds} rounds of ${seconds} s, candidate at ${weightPercent} %${options.pin ? ', servers on core 0' : ''}: median (min-max)\n\n${closedLoopTable(contenders, ceiling)}\n`,
  );
  print(`Half load, open loop on ${openLoopConnections} connections, ${seconds} s each:\n\n${await halfLoad(contenders, seconds)}\n`);
  await reportSpans(gateways, sink);
  for (const [name, { gateway }] of Object.entries(gateways)) {
    const { body } = await gateway.admin('GET', `/rollouts/${model}`);
    if (body.weight === weightPercent) continue;
    print(`${name}: ${body.phase} at weight ${body.weight} (${body.reason}); its figures are not those of a canary at ${weightPercent} %\n`);
    process.exitCode = 1;
  }
  for (const { name, rounds: all } of contenders) {
    const wrong = all.find(({ load }) => load.wrong > 0);
    if (wrong === undefined) continue;
    print(`${name} answered wrong: ${wrong.load.firstWrong}\n`);
    process.exitCode = 1;
  }
} finally {
  await Promise.all(running.map((server) => server.end()));
}
