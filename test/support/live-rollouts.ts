import { createRestoreKeys, keepingWithKeys, publishWithKeys } from '../../src/composition/restore-keys.ts';
import { createControlContext } from '../../src/control-plane/change-rollout.ts';
import { createMeasure } from '../../src/control-plane/measure.ts';
import type { Found } from '../../src/control-plane/reconcile-bundles.ts';
import { createRolloutControl, type RolloutControl } from '../../src/control-plane/rollout-control.ts';
import { createEngine } from '../../src/control-plane/tick.ts';
import { createEvidence, type Evidence } from '../../src/data-plane/observe/evidence.ts';
import type { KeyHash } from '../../src/data-plane/observe/key-hash.ts';
import { mix32 } from '../../src/data-plane/observe/key-hash.ts';
import { thresholdOf } from '../../src/data-plane/routing/assign.ts';
import type { RolloutStore } from '../../src/store/rollout-store.ts';
import { createSqliteRolloutStore } from '../../src/store/sqlite-rollout-store.ts';
import type { TrafficAssignment } from '../../src/store/traffic-assignment.ts';
import type { Random } from './random.ts';

/** How likely a request of each arm fails. */
export interface Rates {
  readonly baseline: number;
  readonly candidate: number;
}

/** What one second brings to a model. */
export interface Traffic {
  readonly rates?: Rates;
  readonly perSecond?: number;
  /** How many keys the requests come from; absent: they have none. */
  readonly users?: number;
  /** So many of them never end. */
  readonly pending?: number;
}

const usualRates: Rates = { baseline: 0.01, candidate: 0.01 };
const noEvent = { error: false, breach: false, abstained: false, flagged: () => false };

/** Engine, counters and store of one life of a gateway on a simulated clock. */
export interface Life {
  readonly control: RolloutControl;
  readonly store: RolloutStore;
  readonly faults: readonly string[];
  readonly assignments: ReadonlyMap<string, TrafficAssignment>;
  /** Requests of one second to every model, then a tick. */
  readonly second: (traffic: Traffic) => Promise<void>;
  /** What of a key's requests counts now. */
  readonly evidenceOf: (model: string, user: number) => 'unit' | 'later';
}

/** Simulated time of a data directory, over all lives. */
export interface World {
  readonly dataDir: string;
  readonly random: Random;
  nowMs: number;
  lives: number;
  ids: number;
}

const keyOf = (user: number): KeyHash => ({ high: mix32(user + 77), low: mix32(user ^ 0x2545f491) });
const drawOf = (user: number): number => mix32(user ^ 0x5bd1e995);

interface RequestDeps {
  readonly evidence: Evidence;
  readonly assignment: TrafficAssignment | undefined;
  readonly random: Random;
}

/** A request as the data plane counts it; null when no evidence is taken. */
const beginRequest = ({ evidence, assignment, random }: RequestDeps, user: number | null) => {
  const rollout = assignment?.rollout;
  if (rollout == null || rollout.weightHundredths === 0) return null;
  const threshold = thresholdOf(rollout.weightHundredths);
  const draw = user === null ? random.u32() : drawOf(user);
  const arm = draw < threshold ? 'candidate' : 'baseline';
  const keyed = user === null ? null : { key: keyOf(user), draw };
  const unit = evidence.begin({ rollout: rollout.id, threshold, arm, watchedOutputs: rollout.watchedOutputs.length, assignedAtMs: 0, keyed });
  return { arm, unit } as const;
};

/** Begins a life on the data directory; close its store to end it. */
export const beginLife = async (world: World, found: Found): Promise<Life> => {
  const store = await createSqliteRolloutStore({ dataDir: world.dataDir });
  world.lives += 1;
  const incarnation = `life-${world.lives}`;
  const startMs = world.nowMs;
  const clock = { wallMs: () => world.nowMs, monotonicMs: () => world.nowMs - startMs };
  const faults: string[] = [];
  const assignments = new Map<string, TrafficAssignment>();
  const evidence = createEvidence({ monotonicMs: clock.monotonicMs, incarnation });
  const restoreKeys = createRestoreKeys({ store, evidence, hashKey: () => 'secret' });
  const publish = publishWithKeys({
    restoreKeys,
    evidence,
    log: { error: (fields) => void faults.push(JSON.stringify(fields)) },
    publish: (assignment) => void assignments.set(assignment.model, assignment),
  });
  const context = createControlContext({
    store,
    clock,
    newId: () => {
      world.ids += 1;
      return `rollout-${world.ids}`;
    },
    publish,
  });
  const control = createRolloutControl(context);
  const measure = createMeasure({ counters: { ...evidence, incarnation }, deadlineSecondsOf: () => 1, wallMs: clock.wallMs });
  const engine = createEngine({
    context,
    assess: measure.assess,
    evidence: keepingWithKeys(measure.evidence, restoreKeys),
    onFault: (model, error) => faults.push(`${model}: ${error instanceof Error ? error.stack : String(error)}`),
  });
  await control.reconcile(found);

  const begin = (model: string, user: number | null) => beginRequest({ evidence, assignment: assignments.get(model), random: world.random }, user);
  let requestCount = 0;
  const requests = (model: string, { rates = usualRates, perSecond = 50, users, pending = 0 }: Traffic): void => {
    for (let request = 0; request < perSecond; request += 1) {
      const begun = begin(model, users === undefined ? null : Math.floor(world.random.uniform() * users));
      requestCount += 1;
      const requestId = `request-${requestCount}-${begun?.arm}`;
      if (begun !== null && request >= pending) begun.unit.end({ ...noEvent, requestId, error: world.random.uniform() < rates[begun.arm] });
    }
  };
  return {
    control,
    store,
    faults,
    assignments,
    evidenceOf: (model, user) => begin(model, user)?.unit.evidence ?? 'later',
    second: async (traffic) => {
      for (const model of assignments.keys()) requests(model, traffic);
      world.nowMs += 1_000;
      await engine.tick();
    },
  };
};
