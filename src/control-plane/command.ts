import type { Phase } from '../store/rollout-store.ts';
import type { Plan } from './plan.ts';
import { bakingPosition, drivenPhase, enterStep, type Position, plannedWeight, positionOf, waitsForPerson } from './position.ts';

/** A move that a person makes. The engine's own moves are not among them. */
export type Move = 'start' | 'set-weight' | 'pause' | 'resume' | 'promote' | 'rollback';

/** Which moves each phase allows; any other is a `rollout-conflict`. */
export const legalMoves: Readonly<Record<Phase, readonly Move[]>> = {
  pending: ['start', 'set-weight'],
  progressing: ['pause', 'set-weight', 'promote', 'rollback'],
  held: ['pause', 'set-weight', 'promote', 'rollback'],
  paused: ['resume', 'set-weight', 'promote', 'rollback'],
  inconclusive: ['set-weight', 'promote', 'rollback'],
  baking: ['rollback'],
  promoted: ['start'],
  'rolled-back': ['start'],
};

/** What an operator asks for. One member a move. */
export type Command =
  | { readonly move: 'start' | 'pause' | 'resume' | 'rollback' }
  | { readonly move: 'set-weight' /** Integer hundredths of a percent, 0 to 10000. */; readonly weightHundredths: number }
  | { readonly move: 'promote' /** All steps at once; otherwise one. */; readonly full: boolean };

/** What a command meets. */
export interface CommandContext {
  readonly at: Position;
  /** The plan that the rollout goes by; of a new attempt, when an ended rollout is started. */
  readonly plan: Plan;
  /** Evidence units of the candidate so far. */
  readonly units: number;
}

/** What a command leads to: the new position, or the phase that forbids it with the moves that it allows. */
export type Transition =
  | { readonly legal: true; readonly to: Position }
  | { readonly legal: false; readonly phase: Phase; readonly legalMoves: readonly Move[] };

/** Nobody's weight but the plan's is in force again; a person who resumes at a `pause` step has given the answer it waited for. */
const resumed = ({ at, plan, units }: CommandContext): Position =>
  waitsForPerson(plan, at.step)
    ? enterStep(plan, at.step + 1, { signal: at.signal, units })
    : { ...positionOf(at), ...drivenPhase(at.signal), weightHundredths: plannedWeight(plan, at.step) };

/** An analysis that ended inconclusive begins anew: resumed later, it has its whole time again. */
const weighted = ({ at, units }: CommandContext, weightHundredths: number): Position => ({
  ...positionOf(at),
  ...(at.phase === 'inconclusive' ? { stepElapsedMs: 0, stepStartUnits: units } : {}),
  phase: 'paused',
  heldFor: null,
  weightHundredths,
});

/** Where a command that is legal takes a rollout. */
const moved = (context: CommandContext, command: Command): Position => {
  const { at, plan, units } = context;
  switch (command.move) {
    // Of an ended rollout this is a new attempt: fresh evidence, and no signal until one is measured.
    case 'start':
      return enterStep(plan, 0, { signal: null, units: 0 });
    // A weight by hand is a person's decision, so the engine waits for that person: also 0, and 100 promotes nothing.
    case 'set-weight':
      return weighted(context, command.weightHundredths);
    case 'pause':
      return { ...positionOf(at), phase: 'paused', heldFor: null };
    case 'resume':
      return resumed(context);
    case 'promote':
      return command.full ? bakingPosition(plan, { signal: at.signal, units }) : enterStep(plan, at.step + 1, { signal: at.signal, units });
    case 'rollback':
      return rolledBack(at);
  }
};

/** The end of a rollout without its candidate. */
export const rolledBack = (at: Position): Position => ({ ...positionOf(at), phase: 'rolled-back', weightHundredths: 0, heldFor: null, signal: null });

/** What a signal leaves of a rollout: its weight, without effect. Only one that the engine drives becomes `held`. */
export const restedBy = (at: Position, signal: string): Position => {
  const isDriven = at.phase === 'progressing' || at.phase === 'held';
  return { ...positionOf(at), signal, ...(isDriven ? { phase: 'held', heldFor: 'signal' } : {}) };
};

/** Where a command takes a rollout. Pure: nothing is saved here. */
export const transition = (context: CommandContext, command: Command): Transition => {
  const { phase } = context.at;
  return legalMoves[phase].includes(command.move) ? { legal: true, to: moved(context, command) } : { legal: false, phase, legalMoves: legalMoves[phase] };
};
