import { describe, expect, it } from 'vitest';
import { legalMoves, transition } from '../../src/control-plane/command.ts';
import { type Phase, phases } from '../../src/store/rollout-store.ts';

const allowing: readonly Phase[] = ['pending', 'progressing', 'held', 'paused', 'inconclusive'];
const forbidding = phases.filter((phase) => !allowing.includes(phase));

describe('set-weight', () => {
  it.each(allowing)('pauses a rollout that is %s', (phase) => {
    expect(transition(phase, { move: 'set-weight', weightHundredths: 2500 })).toEqual({ legal: true, phase: 'paused', weightHundredths: 2500 });
  });

  it.each([0, 1, 10_000])('pauses at %i hundredths too', (weightHundredths) => {
    expect(transition('progressing', { move: 'set-weight', weightHundredths })).toEqual({ legal: true, phase: 'paused', weightHundredths });
  });

  it.each(forbidding)('is refused with the legal moves when the rollout is %s', (phase) => {
    expect(transition(phase, { move: 'set-weight', weightHundredths: 2500 })).toEqual({ legal: false, phase, legalMoves: legalMoves[phase] });
  });
});

describe('the table of moves', () => {
  it.each(phases)('leaves a way out of %s', (phase) => {
    expect(legalMoves[phase].length).toBeGreaterThan(0);
  });

  it('lets only a person start an ended rollout again', () => {
    expect(legalMoves.promoted).toEqual(['start']);
    expect(legalMoves['rolled-back']).toEqual(['start']);
  });
});
