import { randomBytes, randomUUID } from 'node:crypto';
import type { Acceptance } from '../../src/bundle/acceptance.ts';
import { createRestoreKeys, keepingWithKeys, publishWithKeys } from '../../src/composition/restore-keys.ts';
import { createControlContext } from '../../src/control-plane/change-rollout.ts';
import { createMeasure } from '../../src/control-plane/measure.ts';
import type { Plan } from '../../src/control-plane/plan.ts';
import { createRolloutControl, type RolloutControl } from '../../src/control-plane/rollout-control.ts';
import { createEngine } from '../../src/control-plane/tick.ts';
import { createInfer, type InferAnswer, type InferRequest } from '../../src/data-plane/infer.ts';
import type { ServingVersion } from '../../src/data-plane/inference/serving-version.ts';
import { createEvidence } from '../../src/data-plane/observe/evidence.ts';
import { createObserver } from '../../src/data-plane/observe/observer.ts';
import { createPredictionIds } from '../../src/data-plane/observe/prediction-id.ts';
import { createModelRegistry } from '../../src/data-plane/registry.ts';
import { readTimeoutMs } from '../../src/http/read-timeout.ts';
import { requestIdOf } from '../../src/http/request-id.ts';
import { createSqliteRolloutStore } from '../../src/store/sqlite-rollout-store.ts';
import { createLog } from '../../src/telemetry/log.ts';
import { createMetrics } from '../../src/telemetry/metrics.ts';
import { createTracing } from '../../src/telemetry/tracing.ts';
import type { SimulatedClock } from './simulated-clock.ts';

/** A gateway with one model on a simulated clock: the parts of app.ts but for the sockets, the comparison process, the signals and the webhook. */
export interface SimulatedGateway {
  readonly control: RolloutControl;
  /** A request as it comes from the HTTP edge. */
  readonly ask: (request: InferRequest, headers: Readonly<Record<string, string>>) => Promise<InferAnswer>;
  /** The engine looks at the rollout. Rejects with what went wrong. */
  readonly tick: () => Promise<void>;
  /** The text of GET /metrics. */
  readonly scrape: () => Promise<string>;
  readonly close: () => Promise<void>;
}

export interface SimulatedGatewayDeps {
  readonly dataDir: string;
  readonly clock: SimulatedClock;
  readonly baseline: ServingVersion;
  readonly candidate: ServingVersion;
  readonly plan: Plan;
  readonly acceptance: Acceptance;
  readonly randomU32: () => number;
  /** Ids of rollouts begin with it. */
  readonly name: string;
}

const seededBytes = (size: number, seed: number): Buffer => Buffer.alloc(size, seed);

export const openSimulatedGateway = async (deps: SimulatedGatewayDeps): Promise<SimulatedGateway> => {
  const { clock, plan, baseline, candidate } = deps;
  const { monotonicMs, wallMs } = clock;
  const incarnation = randomUUID();
  const metrics = createMetrics();
  const log = createLog({ level: 'silent' });
  const tracing = await createTracing({
    environment: {},
    version: '0.0.0',
    clock,
    randomBytes,
    log,
    onDropped: metrics.spansDropped,
  });
  const predictionIds = createPredictionIds({ key: seededBytes(32, 7), incarnation: seededBytes(4, 1) });
  const evidence = createEvidence({ monotonicMs, incarnation });
  const registry = createModelRegistry();
  const store = await createSqliteRolloutStore({ dataDir: deps.dataDir });
  const restoreKeys = createRestoreKeys({ store, evidence, hashKey: predictionIds.hashKey });
  const publish = publishWithKeys({ restoreKeys, evidence, log, publish: registry.assign });
  let rollouts = 0;
  const newId = (): string => {
    rollouts += 1;
    return `${deps.name}-${rollouts}`;
  };
  const context = createControlContext({ store, clock, newId, publish });
  const control = createRolloutControl(context);
  const deadlineSecondsOf = (): number => Math.ceil(baseline.bundle.manifest.budgets.deadlineMs / 1_000);
  const measure = createMeasure({ counters: { ...evidence, incarnation }, deadlineSecondsOf, wallMs, outcomes: store.outcomes });
  const faults: unknown[] = [];
  const engine = createEngine({
    context,
    assess: measure.assess,
    evidence: keepingWithKeys(measure.evidence, restoreKeys),
    onFault: (_, error) => faults.push(error),
  });
  const observer = createObserver({ metrics, log, monotonicMs });
  const infer = createInfer({
    registry,
    evidence,
    isExpected: () => false,
    predictionIds,
    observer,
    // The plan compares no pairs: they run in a process of their own, in real time.
    comparison: { offer: () => undefined },
    randomU32: deps.randomU32,
    monotonicMs,
    wallMs,
  });

  for (const version of [baseline, candidate]) registry.add(version);
  const versions = [baseline, candidate].map(({ bundle: { model, version, digest } }) => ({ model, version, digest, acceptance: deps.acceptance }));
  const { refused } = await control.reconcile({ versions, plans: [{ file: `rollout/${plan.model}.yaml`, plan, digest: 'of the plan' }] });
  if (refused.length > 0) throw new Error(JSON.stringify(refused));

  return {
    control,
    ask: (request, headers) => {
      const header = (name: string): string | undefined => headers[name];
      const arrivedMs = monotonicMs();
      const requestId = requestIdOf(header('x-request-id'), () => 'simulated');
      const span = tracing.startRequest({
        method: 'POST',
        route: '/infer',
        path: '/infer',
        scheme: 'http',
        traceparent: header('traceparent'),
        tracestate: header('tracestate'),
        startMs: arrivedMs,
      });
      return clock.follow(infer(request, { header, routingKey: null, arrivedMs, timeoutMs: readTimeoutMs(header), form: { kind: 'rows' }, span, requestId }));
    },
    tick: async () => {
      await engine.tick();
      if (faults.length > 0) throw faults[0];
    },
    scrape: async () => (await metrics.text()).body,
    close: store.close,
  };
};
