import { setTimeout as pause } from 'node:timers/promises';
import type { TeamFolders } from '../test/support/bundles.ts';
import type { GatewayProcess } from '../test/support/gateway.ts';
import { type Expected, type Player, play, type Tally } from './player.ts';
import { type Candidate, model, writePlan } from './stage.ts';

/** The stage of a demonstration. */
export interface Stage {
  readonly folders: TeamFolders;
  readonly gateway: GatewayProcess;
  readonly rows: readonly Readonly<Record<string, unknown>>[];
  readonly expected: Expected;
  readonly print: (line: string) => void;
  readonly signal: AbortSignal;
}

/** How a rollout ended, with the sentence for it and what the player saw meanwhile. */
export interface Ending {
  readonly phase: string;
  readonly sentence: string;
  readonly seconds: number;
  readonly tally: Tally;
}

/** The parts of a rollout's state that are shown. */
interface State {
  readonly phase: string;
  readonly weight: number;
  readonly step: number;
  readonly reason: string;
  readonly evidence: { readonly value: number; readonly threshold: number } | null;
  readonly guardrails: readonly { readonly name: string; readonly verdict: string }[];
}

/** An act that takes longer has failed. */
const longestSeconds = 100;
const lookEveryMs = 250;
const lineEveryMs = 2_000;

const stateOf = async ({ gateway }: Stage): Promise<State> => (await gateway.admin('GET', `/rollouts/${model}`)).body as unknown as State;

const count = (value: number): string => value.toLocaleString('en-US');

const evidenceWords = ({ evidence }: State): string =>
  evidence === null
    ? ''
    : `evidence against it ${evidence.value >= 1_000 ? evidence.value.toExponential(1) : evidence.value.toPrecision(2)} of ${evidence.threshold}`;

const progressLine = (seconds: number, state: State, { answered, candidate, rescued }: Tally): string =>
  [
    `${seconds.toFixed(0).padStart(4)} s`,
    state.phase.padEnd(11),
    `weight ${String(state.weight).padStart(3)} %`,
    `${count(answered).padStart(6)} answers`,
    `${count(candidate).padStart(6)} from the candidate's arm`,
    `${count(rescued).padStart(4)} rescued`,
    evidenceWords(state),
  ].join('  ');

/** Accepts the plan for a candidate in the running gateway and starts its rollout. @throws Error with what the gateway refused */
const begin = async ({ folders, gateway }: Stage, candidate: Candidate): Promise<void> => {
  await writePlan(folders, candidate);
  const rescan = await gateway.admin('POST', '/models/rescan');
  const started = await gateway.admin('POST', `/rollouts/${model}/start`, { reason: 'the demonstration' });
  if (started.status !== 200) throw new Error(`the rollout did not start: ${JSON.stringify({ rescan: rescan.body, started: started.body })}`);
};

const hasEnded = (phase: string): boolean => ['rolled-back', 'promoted', 'inconclusive'].includes(phase);

/** Shows the rollout until it has ended. @throws Error when it does not end, AbortError when it is interrupted */
const watch = async (stage: Stage, player: Player, startedMs: number): Promise<State> => {
  let [shownMs, shownWeight] = [0, -1];
  for (;;) {
    const state = await stateOf(stage);
    const seconds = (performance.now() - startedMs) / 1_000;
    if (hasEnded(state.phase)) return state;
    if (seconds > longestSeconds) throw new Error(`the rollout has not ended after ${longestSeconds} s: ${state.phase}, ${state.reason}`);
    if (performance.now() - shownMs > lineEveryMs || state.weight !== shownWeight) {
      stage.print(progressLine(seconds, state, player.tally()));
      [shownMs, shownWeight] = [performance.now(), state.weight];
    }
    await pause(lookEveryMs, undefined, { signal: stage.signal });
  }
};

/** One rollout from its start to its end, under traffic. */
export const playAct = async (stage: Stage, candidate: Candidate): Promise<Ending> => {
  await begin(stage, candidate);
  const player = play(stage.gateway, stage.rows, stage.expected);
  const startedMs = performance.now();
  try {
    const { phase, reason } = await watch(stage, player, startedMs);
    const seconds = (performance.now() - startedMs) / 1_000;
    await player.stop();
    return { phase, sentence: reason, seconds, tally: player.tally() };
  } finally {
    await player.stop();
  }
};
