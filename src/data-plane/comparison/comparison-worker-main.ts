/** A comparison process: holds one copy of both versions of a rollout, runs one pair at a time, each run alone, and does nothing else. */
import { systemClock } from '../../clock.ts';
import type { OutputRow } from '../guards/compile-outputs.ts';
import { joinGateway } from '../processes/join-gateway.ts';
import { type ComparedSide, openSide, type SideRun } from './compared-side.ts';
import type { ComparedOutputs, FromComparison, PairWork, Side, ToComparison } from './comparison-protocol.ts';
import { decodeMessage, encodeMessage, messageFrame } from './comparison-protocol.ts';
import { firstDifferingRow } from './differ.ts';
import { redact } from './redact.ts';

/** Resolves when the message is on its way, so that a run that never ends cannot hold it back. */
const send = (message: FromComparison): Promise<void> => {
  gateway.send(messageFrame, encodeMessage(message));
  return gateway.flushed();
};

const cpuMs = (): number => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
};

type Sides = Readonly<Record<Side, ComparedSide>>;

interface Answered {
  readonly side: ComparedSide;
  readonly outputs: readonly OutputRow[];
}

const compare = ({ rows, differences, wantsExample }: PairWork, baseline: Answered, candidate: Answered): ComparedOutputs => {
  const compared = { baseline: baseline.outputs, candidate: candidate.outputs };
  const rowsThatDiffer = differences.map((rule) => firstDifferingRow(rule, compared));
  const first = rowsThatDiffer.find((row) => row >= 0);
  const example =
    first === undefined || !wantsExample
      ? null
      : {
          baseline: redact(baseline.outputs[first] ?? {}, baseline.side.outputFields),
          candidate: redact(candidate.outputs[first] ?? {}, candidate.side.outputFields),
          input: redact(rows[first] ?? {}, [...candidate.side.inputFields, ...baseline.side.inputFields]),
        };
  return { differ: rowsThatDiffer.map((row) => row >= 0), example };
};

/** The two answers in the order of the rules: baseline first, or the first of the baseline's own. */
const comparedOf = (work: PairWork, answers: readonly (Answered | null)[]): ComparedOutputs | null => {
  const [first, second] = work.runs[0] === 'candidate' ? answers.toReversed() : answers;
  return first == null || second == null ? null : compare(work, first, second);
};

const answeredBy = (side: ComparedSide, { outputs }: SideRun): Answered | null => (outputs === null ? null : { side, outputs });

const runPair = async (sides: Sides, id: number, work: PairWork): Promise<void> => {
  const answers: (Answered | null)[] = [];
  for (const [index, name] of work.runs.entries()) {
    const side = sides[name];
    const run = await side.run(work);
    answers.push(answeredBy(side, run));
    const compared = index === work.runs.length - 1 ? comparedOf(work, answers) : null;
    await send({ kind: 'ran', id, ran: { result: run.result, us: run.us, why: run.why, cpuMs: cpuMs() }, compared });
  }
};

let sides: Sides | null = null;

const load = async ({ versions }: Extract<ToComparison, { kind: 'load' }>): Promise<void> => {
  sides = { baseline: await openSide(versions.baseline, systemClock.monotonicMs), candidate: await openSide(versions.candidate, systemClock.monotonicMs) };
  await send({ kind: 'loaded', cpuMs: cpuMs() });
};

const refuse = (error: unknown): Promise<void> => send({ kind: 'refused', message: error instanceof Error ? error.message : String(error) });

const gateway = joinGateway((_, payload) => {
  const message: ToComparison = decodeMessage(payload);
  if (message.kind === 'load') void load(message).catch(refuse);
  else if (sides !== null) void runPair(sides, message.id, message.work);
});
