import { systemClock } from '../clock.ts';
import { createInfer } from '../data-plane/infer.ts';
import { createObserver } from '../data-plane/observe/observer.ts';
import { createPostOutcomes } from '../data-plane/outcomes/post-outcomes.ts';
import { createAuthorizer } from '../http/access.ts';
import { createBodyBudget } from '../http/body-budget.ts';
import { createDataServer, type DataServerDeps } from '../http/data-server.ts';
import type { Settings } from '../settings.ts';
import type { Bundles } from './bundles.ts';
import { declareOutcomes } from './declare-outcomes.ts';
import type { Ground } from './ground.ts';
import type { Kept } from './kept.ts';
import type { Rollouts } from './rollouts.ts';

interface RequestDeps extends Pick<DataServerDeps, 'newId' | 'random' | 'isDraining' | 'others'> {
  readonly ground: Ground;
  readonly kept: Kept;
  readonly bundles: Bundles;
  readonly rollouts: Rollouts;
}

/** The request path behind the data port. */
export const createRequests = (
  { maxBodyBytes, maxPendingBytes, maxPendingRequests }: Settings,
  { ground, kept, bundles, rollouts, ...shared }: RequestDeps,
) => {
  const { registry, evidence, metrics, log, keys, tracing, randomU32 } = ground;
  const { predictionIds, store } = kept;
  const { loading, isExpected } = bundles;
  const { standings, comparison } = rollouts;
  const { monotonicMs, wallMs } = systemClock;
  const observer = createObserver({ metrics, log, monotonicMs });
  const infer = createInfer({ registry, evidence, isExpected, predictionIds, observer, comparison, randomU32, monotonicMs, wallMs });
  const declaredOf = declareOutcomes({ standings, registry, isComplete: loading.isComplete });
  const postOutcomes = createPostOutcomes({ predictionIds, declaredOf, epochs: store.epochs, record: store.outcomes.record, metrics, wallMs });
  const guards = { authorize: createAuthorizer(keys, 'infer'), authorizeOutcome: createAuthorizer(keys, 'outcome') };
  const limits = { maxBodyBytes, maxPendingRequests, bodies: createBodyBudget(maxPendingBytes) };
  return createDataServer({ ...shared, log, registry, infer, postOutcomes, tracing, metrics, monotonicMs, ...limits, ...guards });
};
