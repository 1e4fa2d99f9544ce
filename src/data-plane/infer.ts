import type { ModelContract } from '../bundle/contract.ts';
import { ProblemError } from '../problem.ts';
import type { Comparison } from './comparison/comparison.ts';
import type { ContractPair } from './contract/check-inputs.ts';
import { checkInputs } from './contract/check-inputs.ts';
import type { Tensors } from './contract/tensor.ts';
import type { OutputRow } from './guards/compile-outputs.ts';
import type { InferContext } from './infer-context.ts';
import type { ServingVersion } from './inference/serving-version.ts';
import { endUnit } from './observe/count-unit.ts';
import type { Observer } from './observe/observer.ts';
import { type Guarded, type PredictDeps, predictAndGuard } from './predict-and-guard.ts';
import type { ModelRegistry, ServingModel } from './registry.ts';
import { type Checked, notReady, type RouteDeps, type Routed, routeRequest } from './route-request.ts';
import type { Assignment } from './routing/assign.ts';

/** Rows that are made when the contract is known and their number is allowed. */
export interface RowSource {
  readonly length: number;
  /** @throws ProblemError contract-violation, malformed-request */
  readonly read: (contracts: ContractPair) => readonly unknown[];
}

/** One request for predictions, its shape already checked. */
export interface InferRequest {
  readonly model: string;
  /** A pinned version, or null. */
  readonly version: string | null;
  readonly inputs: readonly unknown[] | RowSource;
}

export interface InferAnswer {
  readonly predictionId: string;
  readonly model: string;
  /** The version that answered. */
  readonly version: string;
  readonly arm: Assignment['arm'];
  readonly rescued: boolean;
  readonly epoch: number;
  readonly outputs: readonly OutputRow[];
  /** The graph's own outputs for just these rows, as the graph gave them. */
  readonly tensors: Tensors;
  /** Of the version that answered. */
  readonly contract: ModelContract;
}

export interface InferDeps extends RouteDeps, PredictDeps {
  readonly registry: ModelRegistry;
  /** Whether this model, or this version of it, may serve soon. */
  readonly isExpected: (model: string, version: string | null) => boolean;
  readonly comparison: Pick<Comparison, 'offer'>;
}

/** The request path: validate ▶ route ▶ predict ▶ guard ▶ respond. @throws ProblemError */
export type Infer = (request: InferRequest, context: InferContext) => Promise<InferAnswer>;

export const createInfer =
  (deps: InferDeps): Infer =>
  async (request, context) => {
    const model = findModel(deps, request.model); //                                        404 model-not-found, 503 model-not-ready
    const pinned = findPinned(deps, model, request.version); //                             404 version-not-found, 503 model-not-ready
    const checked = validate(request, { model, pinned, deps }); //                          400 contract-violation
    const validatedMs = deps.monotonicMs();
    admit(model, checked.rows.length, deps.observer); //                                    503 overloaded, before the assignment
    const routed = routeRequest(model, { checked, pinned, context, deps }); //              503 model-not-ready
    const routedMs = deps.monotonicMs();
    const result = await predictAndGuard(model, { checked, routed, context, deps }) //      candidate, or rescue by the baseline
      .finally(() => offerForComparison(model, { checked, routed, context, deps })); //     a sample runs on both versions after the answer
    return respond(result, { model, routed, context, deps, validatedMs, routedMs });
  };

const findModel = ({ registry, isExpected, observer }: InferDeps, name: string): ServingModel => {
  const model = registry.get(name);
  if (model !== undefined) return model;
  if (isExpected(name, null)) {
    observer.notReady(null);
    throw new ProblemError('model-not-ready', `No version of model ${name} is served yet.`);
  }
  throw new ProblemError('model-not-found', `No model ${JSON.stringify(name)} is served.`);
};

const findPinned = ({ isExpected, observer }: InferDeps, model: ServingModel, name: string | null): ServingVersion | null => {
  if (name === null) return null;
  const version = model.versions.get(name);
  if (version === undefined && isExpected(model.name, name)) {
    observer.notReady(model);
    throw new ProblemError('model-not-ready', `Version ${name} of model ${model.name} is not served yet.`);
  }
  if (version === undefined)
    throw new ProblemError('version-not-found', `Model ${model.name} has no version ${JSON.stringify(name)}; it has ${[...model.versions.keys()].join(', ')}.`);
  return version;
};

interface Step {
  readonly model: ServingModel;
  readonly pinned: ServingVersion | null;
  readonly deps: InferDeps;
}

const contractsFor = ({ model, pinned, deps }: Step): ContractPair => {
  if (pinned !== null) return { baseline: pinned.contract, candidate: null, known: model.known };
  if (model.contracts === null) throw notReady(model, deps.observer);
  return model.contracts;
};

const validate = (request: InferRequest, step: Step): Checked => {
  const contracts = contractsFor(step);
  const { maxRows } = (step.pinned ?? step.model.baseline ?? step.model.candidate)?.bundle.manifest.budgets ?? { maxRows: 0 };
  const count = request.inputs.length;
  if (count < 1 || count > maxRows) {
    step.deps.observer.violated(step.model, [{ feature: 'other', rule: 'row', count: 1 }]);
    const violation = { pointer: '#/inputs', detail: 'has a wrong number of rows', got: String(count), expected: `1 to ${maxRows}`, unit: 'rows' };
    throw new ProblemError('contract-violation', `inputs: got ${count} rows, expected 1 to ${maxRows}.`, { errors: [violation] });
  }
  const check = checkInputs(rowsOf(request.inputs, contracts, step), contracts);
  if (check.ok) return { rows: check.rows, eligible: check.eligible && count <= (step.model.candidate?.bundle.manifest.budgets.maxRows ?? 0) };
  step.deps.observer.violated(step.model, check.broken);
  const shown = check.total > check.violations.length ? `, of which the first ${check.violations.length} are listed` : '';
  throw new ProblemError('contract-violation', `The inputs break the data contract of ${step.model.name} in ${check.total} places${shown}.`, {
    errors: check.violations,
  });
};

const rowsOf = (inputs: InferRequest['inputs'], contracts: ContractPair, { model, deps }: Step): readonly unknown[] => {
  if (!('read' in inputs)) return inputs;
  try {
    return inputs.read(contracts);
  } catch (error) {
    // What cannot even be read is counted at the edge, with the bodies that are no JSON.
    if (ProblemError.from(error).type === 'contract-violation') deps.observer.violated(model, [{ feature: 'other', rule: 'row', count: 1 }]);
    throw error;
  }
};

/**
 * By the baseline's queue alone: its rows, and the candidate's that it may have to rescue. A candidate whose own queue is full
 * fails like any other, at its own cost.
 */
const admit = (model: ServingModel, rows: number, observer: Observer): void => {
  const queued = model.baseline?.queuedRows() ?? 0;
  const limit = model.baseline?.bundle.manifest.budgets.maxQueueRows ?? Number.POSITIVE_INFINITY;
  if (queued + rows <= limit) return;
  observer.shed(model);
  throw new ProblemError('overloaded', `${queued} rows wait for model ${model.name}, the limit is ${limit}.`);
};

interface OfferStep {
  readonly checked: Checked;
  readonly routed: Routed;
  readonly context: InferContext;
  readonly deps: Pick<InferDeps, 'comparison'>;
}

/** Failed requests too: a sample of those that some version could answer would favour it. */
const offerForComparison = (model: ServingModel, { checked, routed, context, deps }: OfferStep): void =>
  deps.comparison.offer(model, {
    rows: checked.rows,
    form: context.form.kind,
    requestId: context.requestId,
    assignment: routed.assignment,
    routingKeyHash: routed.routingKeyHash,
  });

interface RespondStep {
  readonly model: ServingModel;
  readonly routed: Routed;
  readonly context: InferContext;
  readonly deps: InferDeps;
  readonly validatedMs: number;
  readonly routedMs: number;
}

/** The first probability-like output of the first row, for outcomes that come later. */
const scoreOf = ([row]: readonly OutputRow[]): number | null => {
  for (const name in row) if (typeof row[name] === 'number') return row[name];
  return null;
};

const respond = ({ answer, rescuedFrom, isLate }: Guarded, { model, routed, context, deps, validatedMs, routedMs }: RespondStep): InferAnswer => {
  const { assignment, routingKeyHash, version: assigned, unit, assignedAtMs } = routed;
  endUnit(unit, model, { failure: isLate ? 'timeout' : rescuedFrom, answer, requestId: context.requestId });
  const { version, contract } = answer.version.bundle;
  const { epoch, rollout } = model.traffic;
  const predictionId = deps.predictionIds.mint({
    model: model.name,
    version,
    rollout: rollout?.id ?? null,
    arm: assignment.arm,
    evidence: unit?.evidence ?? 'none',
    epoch,
    assignedAtMs,
    probability: unit?.probability ?? assignment.probability,
    routingKeyHash,
    score: scoreOf(answer.rows),
  });
  deps.observer.answered({ model, assigned, assignment, answer, rescuedFrom, context, routingKeyHash, predictionId, validatedMs, routedMs });
  return {
    predictionId,
    model: model.name,
    version,
    arm: assignment.arm,
    rescued: rescuedFrom !== null,
    epoch,
    outputs: answer.rows,
    tensors: answer.prediction.outputs,
    contract,
  };
};
