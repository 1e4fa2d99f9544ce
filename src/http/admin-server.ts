/** The admin port: rollouts, models, metrics and health, for operators, scrapers and probes. */
import type { Express } from 'express';
import { admitted, checkAdmin } from './access.ts';
import { type AppDeps, createExpressApp } from './express-app.ts';
import type { Key } from './keys-file.ts';
import { type EventRoutesDeps, eventResources } from './routes/event-routes.ts';
import { type HealthRoutesDeps, healthResources } from './routes/health-routes.ts';
import { type LedgerRoutesDeps, ledgerResources } from './routes/ledger-routes.ts';
import { type MetricsRoutesDeps, metricsResources } from './routes/metrics-routes.ts';
import { type ModelRoutesDeps, modelResources } from './routes/model-routes.ts';
import { type RolloutRoutesDeps, rolloutResources } from './routes/rollout-routes.ts';
import { type SignalRoutesDeps, signalResources } from './routes/signal-routes.ts';

/** What the admin port is made of. */
export interface AdminDeps
  extends Omit<AppDeps, 'admit' | 'maxBodyBytes'>,
    Omit<RolloutRoutesDeps, 'rollouts'>,
    Omit<LedgerRoutesDeps, 'rollouts'>,
    ModelRoutesDeps,
    SignalRoutesDeps,
    EventRoutesDeps,
    HealthRoutesDeps,
    MetricsRoutesDeps {
  readonly rollouts: RolloutRoutesDeps['rollouts'] & LedgerRoutesDeps['rollouts'];
  /** Null without a keys file: then only requests that name this machine, and no page of another origin, are let in. */
  readonly keys: readonly Key[] | null;
}

/** A weight with its reason is below 5 KB however it is escaped; the rest is room. */
const maxBodyBytes = 64 * 1024;

/** Makes the app of the admin port. It listens nowhere yet. */
export const createAdminApp = (deps: AdminDeps): Express => {
  const admit: AppDeps['admit'] = ({ method = '', path, headers }) =>
    admitted(checkAdmin({ keys: deps.keys, authorization: headers.authorization, method, path, host: headers.host, origin: headers.origin }));
  return createExpressApp(
    { newId: deps.newId, random: deps.random, log: deps.log, admit, maxBodyBytes },
    {
      ...rolloutResources(deps),
      ...ledgerResources(deps),
      ...signalResources(deps),
      ...eventResources(deps),
      ...modelResources(deps),
      ...healthResources(deps),
      ...metricsResources(deps),
    },
  );
};
