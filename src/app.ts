/** The composition root: the only file that constructs. */
import { randomBytes, randomInt, randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { RequestListener } from 'node:http';
import { ulid } from 'ulid';
import { createLedgerAnnouncer } from './announce-ledger.ts';
import { faultText } from './bundle/fault.ts';
import { systemClock } from './clock.ts';
import { createRolloutControl } from './control-plane/rollout-control.ts';
import { createBundleLibrary } from './data-plane/bundle-library.ts';
import { createInfer } from './data-plane/infer.ts';
import { openVersion } from './data-plane/inference/open-version.ts';
import { createObserver } from './data-plane/observe/observer.ts';
import { createPredictionIds } from './data-plane/observe/prediction-id.ts';
import { predictionKey } from './data-plane/observe/prediction-key.ts';
import { createModelRegistry } from './data-plane/registry.ts';
import { createVersionHooks } from './data-plane/version-hooks.ts';
import { explainRouting } from './data-plane/routing/explain-routing.ts';
import { describeModels } from './describe-models.ts';
import { admitted, checkScope } from './http/access.ts';
import { createDataServer } from './http/data-server.ts';
import { type Key, parseKeys } from './http/keys-file.ts';
import { createModelLoading, type RescanReport } from './load-models.ts';
import { processEnvironment, type Settings, SettingsError } from './settings.ts';
import { createSqliteRolloutStore } from './store/sqlite-rollout-store.ts';
import { createLog, type Log } from './telemetry/log.ts';
import { createMetrics } from './telemetry/metrics.ts';
import { createTracing } from './telemetry/tracing.ts';

/** The gateway, put together but listening nowhere. */
export interface App {
  readonly log: Log;
  readonly data: RequestListener;
  readonly admin: RequestListener;
  readonly metrics: RequestListener;
  /** The first look at the folders, begun already. */
  readonly loaded: Promise<RescanReport>;
  /** From now on not ready, so that no new traffic is sent here. */
  readonly beginDrain: () => void;
  /** Ends the models, then the store. Nothing may be under way. */
  readonly close: () => Promise<void>;
}

/** Spans that are not sent within this time at the end are lost. */
const flushMs = 2_000;
const version = '0.1.0';

const readKeys = async (file: string | undefined): Promise<readonly Key[] | null> => {
  if (file === undefined) return null;
  const { keys, faults } = parseKeys(file, await readFile(file, 'utf8'));
  if (faults.length > 0) throw new SettingsError(faults.map(faultText));
  return keys;
};

/** @throws SettingsError for a keys file that does not hold, DataDirectoryInUseError for a second gateway on the data directory */
export const createApp = async (settings: Settings): Promise<App> => {
  const { monotonicMs, wallMs } = systemClock;
  const log = createLog({ level: settings.logLevel });
  const keys = await readKeys(settings.keysFile);
  const metrics = createMetrics();
  const announcer = createLedgerAnnouncer({ log, metrics });
  const store = await createSqliteRolloutStore({
    dataDir: settings.dataDir,
    onEntry: announcer.appended,
    ...(settings.ledgerKey === undefined ? {} : { ledgerSecret: Buffer.from(settings.ledgerKey, 'hex') }),
  });
  await announcer.opened(store.ledger);
  const tracing = await createTracing({ environment: processEnvironment(), version, clock: systemClock, randomBytes, log, onDropped: metrics.spansDropped });
  const registry = createModelRegistry();
  const predictionIds = createPredictionIds({ key: await predictionKey({ given: settings.predictionKey, dataDir: settings.dataDir }), incarnation: randomBytes(4) });
  const library = createBundleLibrary({
    modelsDir: settings.modelsDir,
    goldenDir: settings.goldenDir,
    registry,
    open: (bundle) => openVersion(bundle, { monotonicMs, hooks: createVersionHooks(bundle, { metrics, tracing, log }) }),
  });
  const control = createRolloutControl({ store, clock: systemClock, newId: () => ulid(), publish: registry.assign });
  const loading = createModelLoading({ library, registry, control, rolloutDir: settings.rolloutDir, metrics, log });
  // Worker processes come up while the rest is loaded: express alone takes longer than a worker.
  const loaded = loading.rescan();
  // Whoever waits for it hears of a failure; until then it must not end the process.
  loaded.catch(() => undefined);
  const { createAdminApp } = await import('./http/admin-server.ts');
  const { createDataApp, createMetricsApp } = await import('./http/open-apps.ts');
  const randomU32 = createRandomU32();
  const infer = createInfer({
    registry,
    predictionIds,
    observer: createObserver({ metrics, log, monotonicMs, hashKey: predictionIds.hashKey }),
    randomU32,
    monotonicMs,
    wallMs,
  });
  let draining = false;
  const readiness = () => readinessOf({ draining, loading, registry });
  const shared = { newId: randomUUID, random: () => randomU32() / 2 ** 32, log, readiness };
  const server = createDataServer({
    ...shared,
    infer,
    tracing,
    metrics,
    monotonicMs,
    maxBodyBytes: settings.maxBodyBytes,
    maxPendingRequests: settings.maxPendingRequests,
    isDraining: () => draining,
    authorize: keys === null ? () => undefined : (request) => void admitted(checkScope({ keys, authorization: request.headers.authorization }, 'infer')),
    others: createDataApp(shared),
  });
  metrics.observePendingRequests(server.pending);
  const admin = createAdminApp({
    ...shared,
    keys,
    rollouts: control,
    ledger: store.ledger,
    explain: (model, key) => explainRouting(registry.get(model)?.traffic, { model, key }),
    models: describeModels({ library, registry }),
    rescan: loading.rescan,
    metrics: metrics.text,
  });
  return {
    log,
    data: server.listener,
    admin,
    metrics: createMetricsApp({ ...shared, metrics: metrics.text }),
    loaded,
    beginDrain: () => {
      draining = true;
    },
    close: async () => {
      await Promise.all(registry.list().flatMap((model) => [...model.versions.values()].map((serving) => serving.close())));
      await tracing.shutdown(flushMs);
      await store.close();
    },
  };
};

/** Fresh random 32-bit draws from the operating system, a buffer at a time. */
const createRandomU32 = (): (() => number) => {
  const pool = new Uint32Array(1_024);
  let next = pool.length;
  return () => {
    if (next === pool.length) {
      crypto.getRandomValues(pool);
      next = 0;
    }
    next += 1;
    return pool[next - 1] ?? randomInt(2 ** 32);
  };
};

interface ReadinessDeps {
  readonly draining: boolean;
  readonly loading: ReturnType<typeof createModelLoading>;
  readonly registry: ReturnType<typeof createModelRegistry>;
}

/** Ready: every model that a folder or plan names has a serving baseline, and the gateway is not on its way out. */
const readinessOf = ({ draining, loading, registry }: ReadinessDeps) => {
  if (draining) return { ready: false, detail: 'The gateway is draining.' };
  const expected = [...loading.expected()];
  const without = expected.filter((model) => registry.get(model)?.baseline == null);
  if (without.length > 0) return { ready: false, detail: `Without a serving baseline: ${without.join(', ')}.` };
  return expected.length === 0 ? { ready: false, detail: loading.isComplete() ? 'No model is there.' : 'The models are being loaded.' } : { ready: true, detail: 'Every model has a serving baseline.' };
};
