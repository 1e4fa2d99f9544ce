import { describe, expect, it } from 'vitest';
import { type Command, type CommandContext, legalMoves, type Move, transition } from '../../src/control-plane/command.ts';
import { type Position, positionOf } from '../../src/control-plane/position.ts';
import { type Phase, phases } from '../../src/store/rollout-store.ts';
import { planWith } from '../support/plan.ts';
import { recordWith } from '../support/rollout-record.ts';

const plan = planWith({
  steps: [
    { setWeight: 1 },
    { analysis: { atLeast: '5s', deadline: '20s' } },
    { pause: {} },
    { setWeight: 50 },
    { analysis: { atLeast: '5s', deadline: '20s' } },
  ],
});
const units = 700;

const at = (changes: Partial<Position>): CommandContext => ({
  at: positionOf(recordWith({ step: 1, weightHundredths: 100, stepElapsedMs: 4_000, ...changes })),
  plan,
  units,
});

const to = (context: CommandContext, command: Command): Position => {
  const result = transition(context, command);
  if (!result.legal) throw new Error(`${command.move} is not legal in ${result.phase}`);
  return result.to;
};

const commands: Readonly<Record<Move, Command>> = {
  start: { move: 'start' },
  'set-weight': { move: 'set-weight', weightHundredths: 2_500 },
  pause: { move: 'pause' },
  resume: { move: 'resume' },
  promote: { move: 'promote', full: false },
  rollback: { move: 'rollback' },
};

/** The table of the design: where each move takes each phase at an analysis step of weight 1 %; what is not listed is refused. */
const table: Readonly<Record<Phase, Partial<Record<Move, Phase>>>> = {
  pending: { start: 'progressing', 'set-weight': 'paused' },
  progressing: { pause: 'paused', 'set-weight': 'paused', promote: 'paused', rollback: 'rolled-back' },
  held: { pause: 'paused', 'set-weight': 'paused', promote: 'paused', rollback: 'rolled-back' },
  paused: { resume: 'progressing', 'set-weight': 'paused', promote: 'paused', rollback: 'rolled-back' },
  inconclusive: { 'set-weight': 'paused', promote: 'paused', rollback: 'rolled-back' },
  baking: { rollback: 'rolled-back' },
  promoted: { start: 'progressing' },
  'rolled-back': { start: 'progressing' },
};
const moves = Object.keys(commands) as Move[];
const cases = phases.flatMap((phase) => moves.map((move) => ({ phase, move, leads: table[phase][move] })));

describe('the table of moves', () => {
  it.each(cases.filter(({ leads }) => leads !== undefined))('takes $phase to $leads by $move', ({ phase, move, leads }) => {
    expect(to(at({ phase }), commands[move]).phase).toBe(leads);
  });

  it.each(cases.filter(({ leads }) => leads === undefined))('refuses $move in $phase, with the legal moves', ({ phase, move }) => {
    expect(transition(at({ phase }), commands[move])).toEqual({ legal: false, phase, legalMoves: legalMoves[phase] });
    expect(legalMoves[phase]).toEqual(expect.arrayContaining(Object.keys(table[phase])));
    expect(legalMoves[phase]).toHaveLength(Object.keys(table[phase]).length);
  });
});

describe('start', () => {
  it.each(['pending', 'promoted', 'rolled-back'] as const)('begins the first step of a %s rollout at once, with clocks and units at 0', (phase) => {
    expect(to(at({ phase, step: 4, bakeElapsedMs: 9, stepStartUnits: 40 }), commands.start)).toEqual({
      phase: 'progressing',
      weightHundredths: 100,
      step: 0,
      heldFor: null,
      signal: null,
      stepElapsedMs: 0,
      stepStartUnits: 0,
      bakeElapsedMs: 0,
    });
  });

  it('waits for a person when the plan begins with a pause', () => {
    expect(to({ ...at({ phase: 'pending' }), plan: planWith({ steps: [{ pause: {} }, { setWeight: 1 }] }) }, commands.start)).toMatchObject({
      phase: 'paused',
      weightHundredths: 0,
    });
  });
});

describe('set-weight', () => {
  it.each([0, 1, 10_000])('pauses at %i hundredths, and promotes nothing', (weightHundredths) => {
    expect(to(at({ phase: 'progressing' }), { move: 'set-weight', weightHundredths })).toMatchObject({
      phase: 'paused',
      weightHundredths,
      step: 1,
      stepElapsedMs: 4_000,
    });
  });

  it('gives an inconclusive analysis its whole time again', () => {
    expect(to(at({ phase: 'inconclusive' }), commands['set-weight'])).toMatchObject({ phase: 'paused', stepElapsedMs: 0, stepStartUnits: units });
  });

  it('leaves a signal in force', () => {
    expect(to(at({ phase: 'held', heldFor: 'signal', signal: 'lag' }), commands['set-weight'])).toMatchObject({
      phase: 'paused',
      heldFor: null,
      signal: 'lag',
    });
  });
});

describe('resume', () => {
  it("puts the step's weight in force again and keeps its clock", () => {
    expect(to(at({ phase: 'paused', weightHundredths: 9_900 }), commands.resume)).toMatchObject({
      phase: 'progressing',
      weightHundredths: 100,
      step: 1,
      stepElapsedMs: 4_000,
    });
  });

  it('goes on to the next step at a pause without duration', () => {
    expect(to(at({ phase: 'paused', step: 2 }), commands.resume)).toMatchObject({
      phase: 'progressing',
      weightHundredths: 5_000,
      step: 3,
      stepElapsedMs: 0,
      stepStartUnits: units,
    });
  });

  it('is held while a signal rests the candidate', () => {
    expect(to(at({ phase: 'paused', signal: 'lag' }), commands.resume)).toMatchObject({ phase: 'held', heldFor: 'signal', signal: 'lag' });
  });
});

describe('promote', () => {
  it('takes one step', () => {
    expect(to(at({ phase: 'inconclusive', step: 2 }), commands.promote)).toMatchObject({
      phase: 'progressing',
      step: 3,
      weightHundredths: 5_000,
      stepElapsedMs: 0,
      stepStartUnits: units,
    });
  });

  it.each([
    { what: 'past the last step', step: 4, full: false },
    { what: 'from anywhere in full', step: 0, full: true },
  ])('begins the bake at weight 100 $what', ({ step, full }) => {
    expect(to(at({ phase: 'progressing', step }), { move: 'promote', full })).toMatchObject({
      phase: 'baking',
      weightHundredths: 10_000,
      step: 4,
      bakeElapsedMs: 0,
    });
  });
});

describe('rollback', () => {
  it.each(['progressing', 'held', 'paused', 'inconclusive', 'baking'] as const)('ends a %s rollout at weight 0', (phase) => {
    expect(to(at({ phase, signal: 'lag' }), commands.rollback)).toMatchObject({ phase: 'rolled-back', weightHundredths: 0, heldFor: null, signal: null });
  });
});
