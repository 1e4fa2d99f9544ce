/**
 * How long a start takes: from the start of the process of `npm start` (`node src/cli.js serve`, with the bundles of this
 * repository and fresh data) to the first right answer of each tabular model.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { goldenOutputs, goldenRows } from '../test/support/bundles.ts';
import { freePort } from '../test/support/free-port.ts';
import { type CpuTime, cpuTimeOf } from './cpu-time.ts';
import { columns, spread } from './statistics.ts';

const repository = new URL('..', import.meta.url).pathname;
/** A refused connection costs the machine next to nothing, and the error of the result is half of it. */
const askEveryMs = 5;
const giveUpMs = 30_000;

interface Question {
  readonly model: string;
  readonly body: string;
  readonly field: string;
  readonly expected: number;
  readonly tolerance: number;
}

const question = async ({
  model,
  version,
  file,
  field,
}: {
  readonly model: string;
  readonly version: string;
  readonly file: string;
  readonly field: string;
}): Promise<Question> => {
  const [inputs, outputs] = await Promise.all([goldenRows(model, [version], file), goldenOutputs(model, version, file)]);
  return { model, body: JSON.stringify({ model, inputs }), field, expected: Number(outputs[0]?.[field]), tolerance: 1e-5 };
};

const isRight = async (port: number, { body, field, expected, tolerance }: Question): Promise<boolean> => {
  const response = await fetch(`http://127.0.0.1:${port}/infer`, { method: 'POST', headers: { 'content-type': 'application/json' }, body });
  const answer = (await response.json()) as { readonly outputs?: readonly Record<string, unknown>[] };
  return response.status === 200 && Math.abs(Number(answer.outputs?.[0]?.[field]) - expected) <= tolerance;
};

interface Start {
  /** From the start of the process to the first right answer. */
  readonly tookMs: number;
  /** CPU time until then, of the gateway and of what it has started. */
  readonly cpu: CpuTime;
}

interface Starting {
  readonly pid: number;
  readonly port: number;
  readonly startMs: number;
}

const untilRight = async ({ pid, port, startMs }: Starting, asked: Question): Promise<Start> => {
  while (performance.now() - startMs < giveUpMs) {
    if (await isRight(port, asked).catch(() => false)) return { tookMs: performance.now() - startMs, cpu: cpuTimeOf(pid) };
    await pause(askEveryMs);
  }
  throw new Error(`${asked.model} gave no right answer in ${giveUpMs} ms`);
};

const end = async (child: ChildProcess): Promise<void> => {
  if (child.exitCode !== null) return;
  child.kill('SIGTERM');
  await once(child, 'exit');
};

const measureStart = async (questions: readonly Question[]): Promise<readonly Start[]> => {
  const dataDir = await mkdtemp(join(tmpdir(), 'handoff-start-'));
  const port = await freePort();
  const startMs = performance.now();
  const child = spawn(process.execPath, ['src/cli.js', 'serve', '--port', String(port), '--admin-port', '0', '--data-dir', dataDir], {
    cwd: repository,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  try {
    return await Promise.all(questions.map((asked) => untilRight({ pid: child.pid ?? 0, port, startMs }, asked)));
  } finally {
    await end(child);
    await rm(dataDir, { recursive: true, force: true });
  }
};

const { values: options } = parseArgs({ options: { starts: { type: 'string', default: '5' } } });
const questions = await Promise.all([
  question({ model: 'card-fraud', version: '1.4.0', file: '01-ordinary-purchase.json', field: 'fraud_probability' }),
  question({ model: 'search-ranker', version: '1.2.0', file: '02-single-document.json', field: 'score' }),
]);
const starts: (readonly Start[])[] = [];
for (let count = 0; count < Number(options.starts); count += 1) starts.push(await measureStart(questions));
const rows = questions.map(({ model }, index) => {
  const all = (value: (start: Start) => number): string => spread(starts.flatMap((times) => times[index] ?? []).map(value), 0);
  return [model, all(({ tookMs }) => tookMs), all(({ cpu }) => cpu.ownMs), all(({ cpu }) => cpu.descendantsMs)];
});
process.stdout.write(
  `Start of the process to the first right answer, ms, ${starts.length} starts: median (min-max)\n\n${columns([['model', 'took', 'CPU of the gateway', 'CPU of its processes'], ...rows])}`,
);
