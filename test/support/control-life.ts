import { expect } from 'vitest';
import type { Assessment } from '../../src/control-plane/assessment.ts';
import { type ControlContext, createControlContext } from '../../src/control-plane/change-rollout.ts';
import { createRolloutControl, type RolloutControl } from '../../src/control-plane/rollout-control.ts';
import { createEngine, type Engine } from '../../src/control-plane/tick.ts';
import type { RolloutStore } from '../../src/store/rollout-store.ts';
import type { TrafficAssignment } from '../../src/store/traffic-assignment.ts';
import { assessmentWith } from './assessment.ts';
import { noEvidence } from './no-evidence.ts';
import { planFile } from './rollout-files.ts';

/** The control plane of one life of a gateway, in simulated time. */
export interface ControlLife {
  readonly context: ControlContext;
  readonly control: RolloutControl;
  readonly engine: Engine;
  /** Every assignment that was in force, the last one last. */
  readonly published: readonly TrafficAssignment[];
  readonly faults: readonly string[];
  /** What every tick finds from now on. */
  readonly find: (assessment: Assessment) => void;
  /** A second, and the tick that ends it. */
  readonly second: () => Promise<void>;
  /** What is there to see a second later. */
  readonly later: <Seen>(look: () => Seen | Promise<Seen>) => Promise<Seen>;
}

export const controlLife = (store: RolloutStore): ControlLife => {
  let nowMs = 1_000_000;
  let ids = 0;
  let assessment = assessmentWith({ candidateUnits: 10 });
  const published: TrafficAssignment[] = [];
  const faults: string[] = [];
  const context = createControlContext({
    store,
    clock: { wallMs: () => nowMs, monotonicMs: () => nowMs },
    newId: () => {
      ids += 1;
      return `rollout-${ids}`;
    },
    publish: (assignment) => {
      published.push(assignment);
    },
  });
  const engine = createEngine({
    context,
    assess: () => assessment,
    evidence: noEvidence,
    onFault: (model, error) => faults.push(`${model}: ${error instanceof Error ? error.message : String(error)}`),
  });
  const second = async (): Promise<void> => {
    nowMs += 1_000;
    await engine.tick();
  };
  return {
    context,
    control: createRolloutControl(context),
    engine,
    published,
    faults,
    find: (found) => {
      assessment = found;
    },
    second,
    later: async (look) => {
      await second();
      return look();
    },
  };
};

/** Half of the traffic, for hours. */
export const halfPlan = planFile({ steps: [{ setWeight: 50 }, { analysis: { atLeast: '1h', minSamples: 1_000, deadline: '9h' } }] });
export const byHand = { reason: 'a look', actor: 'olga' };
/** What a tick finds of a candidate of which all requests fail. */
export const allFail = assessmentWith({ evidence: { value: 250, threshold: 100 }, worse: { name: 'errors', sentence: 'all fail' } });

/** Gives the candidate of a life that was reconciled with `halfPlan` its half. */
export const startHalf = async ({ control, second, published }: ControlLife): Promise<void> => {
  await control.move('card-fraud', { move: 'start' }, byHand);
  await second();
  expect(published.at(-1)).toMatchObject({ rollout: { weightHundredths: 5_000 } });
};
