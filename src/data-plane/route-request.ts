import { ProblemError } from '../problem.ts';
import type { RoutingKeyRule } from '../store/traffic-assignment.ts';
import type { Row } from './contract/compile-contract.ts';
import type { InferContext } from './infer-context.ts';
import type { ServingVersion } from './inference/serving-version.ts';
import { beginUnit } from './observe/count-unit.ts';
import type { Evidence, PendingUnit } from './observe/evidence.ts';
import type { Observer } from './observe/observer.ts';
import type { PredictionIds } from './observe/prediction-id.ts';
import { tellAssigned } from './observe/raw-events.ts';
import type { ServingModel } from './registry.ts';
import type { Assignment } from './routing/assign.ts';
import { assign } from './routing/assign.ts';
import { isMatched, routingKeyOf } from './routing/routing-key.ts';

export interface RouteDeps {
  readonly evidence: Evidence;
  readonly predictionIds: PredictionIds;
  readonly observer: Observer;
  readonly randomU32: () => number;
  readonly wallMs: () => number;
}

/** Rows that hold against the contracts. */
export interface Checked {
  readonly rows: readonly Row[];
  readonly eligible: boolean;
}

/** Which version is to answer a request, and as what it counts. */
export interface Routed {
  /** Counts the request as evidence; null when it is none. */
  readonly unit: PendingUnit | null;
  readonly assignment: Assignment;
  readonly version: ServingVersion;
  /** Keyed hash of the routing key: beyond the assignment nothing needs the key itself. */
  readonly routingKeyHash: string | null;
  /** Wall time, read once for the counts and the prediction id. */
  readonly assignedAtMs: number;
}

interface RouteStep {
  readonly checked: Checked;
  readonly pinned: ServingVersion | null;
  readonly context: InferContext;
  readonly deps: RouteDeps;
}

/** Counts a request that no version can answer, and gives its problem to be thrown. */
export const notReady = (model: ServingModel, observer: Observer): ProblemError => {
  observer.notReady(model);
  return new ProblemError('model-not-ready', `Model ${model.name} has no serving baseline.`);
};

const readRoutingKey = (model: ServingModel, rule: RoutingKeyRule | null, { checked, context, deps }: Omit<RouteStep, 'pinned'>): string | null => {
  try {
    return routingKeyOf(rule, checked.rows, context);
  } catch (error) {
    // Rows that disagree on the key hold against the contract, so they are counted here and not with its check.
    if (ProblemError.from(error).type === 'contract-violation')
      deps.observer.violated(model, [{ feature: rule !== null && 'field' in rule ? rule.field : 'other', rule: 'row', count: 1 }]);
    throw error;
  }
};

/** Decides the arm and begins the unit that counts it. @throws ProblemError contract-violation, model-not-ready */
export const routeRequest = (model: ServingModel, { checked, pinned, context, deps }: RouteStep): Routed => {
  const { rollout } = model.traffic;
  const routingKey = rollout === null || pinned !== null ? null : readRoutingKey(model, rollout.routingKey, { checked, context, deps });
  const matched = rollout !== null && isMatched(rollout.match, context.header);
  const assignment = assign(model.traffic, {
    pinned: pinned?.bundle.version ?? null,
    eligible: checked.eligible,
    matched,
    key: routingKey,
    randomU32: deps.randomU32,
  });
  const version = assignment === null ? undefined : model.versions.get(assignment.version);
  if (assignment === null || version === undefined) throw notReady(model, deps.observer);
  const assignedAtMs = deps.wallMs();
  const routingKeyHash = routingKey === null ? null : deps.predictionIds.hashKey(routingKey);
  // A cohort was chosen, not drawn: it counts for nothing, not even as eligible or not.
  const unit = matched ? null : beginUnit(deps.evidence, model, { assignment, routingKeyHash, eligible: checked.eligible, assignedAtMs });
  const routed = { unit, assignment, version, routingKeyHash, assignedAtMs };
  tellAssigned(context.requestId, model, routed);
  return routed;
};
