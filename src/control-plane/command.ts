import type { Phase } from '../store/rollout-store.ts';

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
export type Command = { readonly move: 'set-weight' /** Integer hundredths of a percent, 0 to 10000. */; readonly weightHundredths: number };

/** What a command leads to: the changed part of the rollout, or the phase that forbids it with the moves that it allows. */
export type Transition =
  | { readonly legal: true; readonly phase: Phase; readonly weightHundredths: number }
  | { readonly legal: false; readonly phase: Phase; readonly legalMoves: readonly Move[] };

/** Where a command takes a rollout that is in `phase`. Pure: nothing is saved here. */
export const transition = (phase: Phase, command: Command): Transition => {
  if (!legalMoves[phase].includes(command.move)) return { legal: false, phase, legalMoves: legalMoves[phase] };
  switch (command.move) {
    // A weight by hand is a person's decision, so the engine waits for that person: also 0, and 100 promotes nothing.
    case 'set-weight':
      return { legal: true, phase: 'paused', weightHundredths: command.weightHundredths };
  }
};
