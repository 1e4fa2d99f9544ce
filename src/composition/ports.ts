/** What express serves, on ports of its own and beside the requests. Loaded after the first models: express takes as long as one of them. */
import type { RequestListener } from 'node:http';
import { explainRouting } from '../data-plane/routing/explain-routing.ts';
import { createAuthorizer } from '../http/access.ts';
import { createAdminApp } from '../http/admin-server.ts';
import type { DataServerDeps } from '../http/data-server.ts';
import { createDataApp, createMetricsApp } from '../http/open-apps.ts';
import { version } from '../version.ts';
import type { Bundles } from './bundles.ts';
import { describeModels } from './describe-models.ts';
import { createExplainPrediction } from './explain-prediction.ts';
import type { Ground } from './ground.ts';
import type { Kept } from './kept.ts';
import type { Readiness } from './readiness.ts';
import type { Rollouts, Ticking } from './rollouts.ts';

interface PortDeps extends Pick<DataServerDeps, 'newId' | 'random'> {
  readonly ground: Ground;
  readonly kept: Kept;
  readonly bundles: Bundles;
  readonly rollouts: Rollouts;
  readonly ticking: Ticking;
  readonly readiness: () => Readiness;
}

/** The other ports, and what the data port answers beside predictions. */
export interface OtherPorts {
  readonly data: RequestListener;
  readonly admin: RequestListener;
  readonly metrics: RequestListener;
}

export const createOtherPorts = ({ ground, kept, bundles, rollouts, ticking, ...shared }: PortDeps): OtherPorts => {
  const { log, keys, registry } = ground;
  const { library, loading, isExpected } = bundles;
  const { store, predictionIds } = kept;
  const common = { ...shared, log };
  const explain = (model: string, key: string) => explainRouting(registry.get(model)?.traffic, { model, key });
  const viewed = { library, registry, predictionIds, servedBundles: store.servedBundles };
  const models = { ...describeModels(viewed), explain: createExplainPrediction(viewed) };
  const parts = { keys, rollouts: rollouts.control, ...ticking.watched, events: rollouts.events, ledger: store.ledger, explain, models };
  return {
    data: createDataApp({ ...common, registry, version, isExpected, authorize: createAuthorizer(keys, 'infer') }),
    admin: createAdminApp({ ...common, ...parts, rescan: loading.rescan, metrics: ticking.scrape }),
    metrics: createMetricsApp({ ...common, metrics: ticking.scrape }),
  };
};
