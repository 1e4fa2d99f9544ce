import type { Assessment } from '../../src/control-plane/assessment.ts';
import { type ControlContext, createControlContext } from '../../src/control-plane/change-rollout.ts';
import { createRolloutControl, type RolloutControl } from '../../src/control-plane/rollout-control.ts';
import { createEngine, type Engine } from '../../src/control-plane/tick.ts';
import type { RolloutStore } from '../../src/store/rollout-store.ts';
import type { TrafficAssignment } from '../../src/store/traffic-assignment.ts';
import { assessmentWith } from './assessment.ts';
import { noEvidence } from './no-evidence.ts';

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
