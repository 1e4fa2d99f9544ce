/** The composition root: the only file that constructs. */
import { randomBytes, randomInt, randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { IncomingMessage, RequestListener } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import { ulid } from 'ulid';
import { createLedgerAnnouncer } from './announce-ledger.ts';
import { faultText } from './bundle/fault.ts';
import { KeyError, readTrustedKeys } from './bundle/signing/keys.ts';
import { createTrust, type Trust } from './bundle/signing/trust.ts';
import { systemClock } from './clock.ts';
import { type ControlContext, createControlContext } from './control-plane/change-rollout.ts';
import { createRolloutControl, type RolloutControl } from './control-plane/rollout-control.ts';
import { createBundleLibrary } from './data-plane/bundle-library.ts';
import { type Comparison, createComparison } from './data-plane/comparison/comparison.ts';
import { comparisonProcessesBy } from './data-plane/comparison/comparison-process.ts';
import { createComparisonHooks } from './data-plane/comparison-hooks.ts';
import { createInfer } from './data-plane/infer.ts';
import { openVersion } from './data-plane/inference/open-version.ts';
import { createEvidence } from './data-plane/observe/evidence.ts';
import { createObserver } from './data-plane/observe/observer.ts';
import { createPredictionIds } from './data-plane/observe/prediction-id.ts';
import { predictionKey } from './data-plane/observe/prediction-key.ts';
import { createPostOutcomes } from './data-plane/outcomes/post-outcomes.ts';
import type { Launcher } from './data-plane/processes/launcher.ts';
import { createModelRegistry } from './data-plane/registry.ts';
import { explainRouting } from './data-plane/routing/explain-routing.ts';
import { createVerifyAgain } from './data-plane/verify-again.ts';
import { createVersionHooks } from './data-plane/version-hooks.ts';
import { declareOutcomes } from './declare-outcomes.ts';
import { describeModels } from './describe-models.ts';
import { everySecond, type Repeating } from './every-second.ts';
import { createExplainPrediction } from './explain-prediction.ts';
import { admitted, checkScope } from './http/access.ts';
import { createDataServer, type DataServerDeps } from './http/data-server.ts';
import { createEventFeed } from './http/event-feed.ts';
import { type Key, parseKeys, type Scope } from './http/keys-file.ts';
import { createModelLoading, type RescanReport } from './load-models.ts';
import { pruneOutcomes } from './prune-outcomes.ts';
import { createRestoreKeys, publishWithKeys } from './restore-keys.ts';
import { runEngine } from './run-engine.ts';
import { openSignals, showSignals } from './run-signals.ts';
import { runWebhook } from './run-webhook.ts';
import { createServedRecorder } from './served-bundles.ts';
import { processEnvironment, type Settings, SettingsError, trustModeOf } from './settings.ts';
import { showRollouts } from './show-rollouts.ts';
import { createSqliteRolloutStore } from './store/sqlite-rollout-store.ts';
import type { TrafficAssignment } from './store/traffic-assignment.ts';
import { createLog, type Log } from './telemetry/log.ts';
import { createMetrics, type Metrics } from './telemetry/metrics.ts';
import { createTracing } from './telemetry/tracing.ts';

/** The gateway, put together but listening nowhere. */
export interface App {
  readonly log: Log;
  readonly data: RequestListener;
  /** The other ports, a moment later: the data port need not wait for them. */
  readonly others: Promise<OtherPorts>;
  /** The first look at the folders, begun already. */
  readonly loaded: Promise<RescanReport>;
  /** From now on not ready, so that no new traffic is sent here. */
  readonly beginDrain: () => void;
  /** Ends the models, then the store. Nothing may be under way. */
  readonly close: () => Promise<void>;
}

/** What express serves on ports of its own. */
export interface OtherPorts {
  readonly admin: RequestListener;
  readonly metrics: RequestListener;
}

/** Spans that are not sent within this time at the end are lost. */
const flushMs = 2_000;
/** On a machine with time to spare the first tabular model is there by then. */
const expressAfterMs = 400;
const version = '0.1.0';

const readKeys = async (file: string | undefined): Promise<readonly Key[] | null> => {
  if (file === undefined) return null;
  const text = await readFile(file, 'utf8').catch(() => {
    throw new SettingsError([`HANDOFF_KEYS_FILE: got ${file}, expected a file that can be read`]);
  });
  const { keys, faults } = parseKeys(file, text);
  if (faults.length > 0) throw new SettingsError(faults.map(faultText));
  return keys;
};

/** Keys that cannot be used are a fault at the start; later, whoever takes one away means it. */
const openTrust = async (settings: Settings): Promise<Trust> => {
  const mode = trustModeOf(settings);
  const keysDir = settings.trustedKeysDir ?? null;
  if (keysDir !== null && mode !== 'off') {
    await readTrustedKeys(keysDir).catch((error: unknown) => {
      throw error instanceof KeyError ? new SettingsError([`HANDOFF_TRUSTED_KEYS_DIR: ${error.message}`]) : error;
    });
  }
  return createTrust({ mode, keysDir });
};

/** What everything else stands on. */
const openGround = async (settings: Settings, launcher: Launcher) => {
  const log = createLog({ level: settings.logLevel });
  const keys = await readKeys(settings.keysFile);
  const trust = await openTrust(settings);
  const metrics = createMetrics();
  const tracing = await createTracing({ environment: processEnvironment(), version, clock: systemClock, randomBytes, log, onDropped: metrics.spansDropped });
  const incarnation = randomUUID();
  const evidence = createEvidence({ monotonicMs: systemClock.monotonicMs, incarnation });
  return { launcher, log, keys, trust, metrics, tracing, incarnation, evidence, registry: createModelRegistry(), randomU32: createRandomU32() };
};

type Ground = Awaited<ReturnType<typeof openGround>>;

/** What is kept in the data directory: the rollouts with their ledger, and the key of the prediction ids. */
const openData = async (settings: Settings, { log, metrics, evidence, trust }: Ground) => {
  const announcer = createLedgerAnnouncer({ log, metrics });
  const store = await createSqliteRolloutStore({
    dataDir: settings.dataDir,
    onEntry: announcer.appended,
    ...(settings.ledgerKey === undefined ? {} : { ledgerSecret: Buffer.from(settings.ledgerKey, 'hex') }),
  });
  await announcer.opened(store.ledger);
  if (!trust.checks) log.warn({ trust: trust.mode }, 'signatures of bundles are not checked: HANDOFF_TRUSTED_KEYS_DIR names the keys to trust');
  // Before the first decision: those of a gateway without a webhook are not queued.
  await store.outbox.setWebhook(settings.webhookUrl !== undefined);
  const key = await predictionKey({ given: settings.predictionKey, dataDir: settings.dataDir });
  const predictionIds = createPredictionIds({ key, incarnation: randomBytes(4) });
  return { store, predictionIds, restoreKeys: createRestoreKeys({ store, evidence, hashKey: predictionIds.hashKey }) };
};

type Kept = Awaited<ReturnType<typeof openData>>;

/** What runs a sample of the requests on both versions of a rollout, in processes of their own. */
const createComparing = (ground: Ground): Comparison =>
  createComparison({
    ...ground,
    monotonicMs: systemClock.monotonicMs,
    startProcess: comparisonProcessesBy(ground.launcher),
    hooksFor: createComparisonHooks(ground),
  });

/** The bundles, and what brings them and the rollouts in line with the folders. */
const createServing = (
  settings: Settings,
  { launcher, log, metrics, tracing, registry, trust }: Ground,
  { controlled, opening }: { readonly controlled: Promise<{ readonly control: RolloutControl }>; readonly opening: Promise<Kept> },
) => {
  const control = controlled.then((parts) => parts.control);
  // Whoever waits for it hears of a failure; until then it must not end the process.
  control.catch(() => undefined);
  const library = createBundleLibrary({
    modelsDir: settings.modelsDir,
    goldenDir: settings.goldenDir,
    registry,
    trust,
    onServe: createServedRecorder({ servedBundles: opening.then(({ store }) => store.servedBundles), clock: systemClock, log }),
    open: (bundle) => openVersion(bundle, { launcher, monotonicMs: systemClock.monotonicMs, hooks: createVersionHooks(bundle, { metrics, tracing, log }) }),
  });
  const loading = createModelLoading({ library, registry, control, rolloutDir: settings.rolloutDir, metrics, log });
  return { library, loading };
};

type Serving = ReturnType<typeof createServing>;

/** Lets in whoever has the scope. */
const createAuthorizer =
  (keys: readonly Key[] | null, scope: Scope) =>
  (request: IncomingMessage): void =>
    void (keys !== null && admitted(checkScope({ keys, authorization: request.headers.authorization }, scope)));

/** The rollouts, the stream that tells of their changes, and the comparison that follows them. */
const createControl = (ground: Ground, { store, restoreKeys }: Kept) => {
  const { registry, metrics, incarnation, trust } = ground;
  const comparison = createComparing(ground);
  let states: RolloutControl['list'] = () => [];
  const events = createEventFeed({ states: () => states(), incarnation, onClients: metrics.setEventClients });
  const { promise: firstAssigned, resolve: tellAssigned } = Promise.withResolvers<void>();
  const assign = (assignment: TrafficAssignment): void => {
    registry.assign(assignment);
    comparison.follow(assignment.model);
    events.changed();
    tellAssigned();
  };
  const publish = publishWithKeys({ ...ground, restoreKeys, publish: assign });
  const verifyAgain = createVerifyAgain({ registry, trust });
  const context = createControlContext({ store, clock: systemClock, newId: () => ulid(), publish, verifyAgain });
  const control = createRolloutControl(context);
  states = control.list;
  return { context, control, events, comparison, firstAssigned };
};

/** What goes on beside the requests: the engine with its signals, the webhook, the stream of events. */
const beginTicking = async (
  settings: Settings,
  ground: Ground,
  {
    context,
    events,
    restoreKeys,
    random,
  }: Pick<ReturnType<typeof createControl>, 'context' | 'events'> & Pick<Kept, 'restoreKeys'> & { readonly random: () => number },
) => {
  const watched = await openSignals({ ...ground, ...context });
  const background: readonly Repeating[] = [
    runEngine({ ...ground, ...watched, restoreKeys, context }),
    runWebhook({ ...ground, settings, outbox: context.store.outbox, clock: systemClock, random }),
    everySecond(async () => events.tick()),
    pruneOutcomes({ outcomes: context.store.outcomes, wallMs: systemClock.wallMs, log: ground.log }),
  ];
  return { watched, background };
};

/** The request path behind the data port. */
const createData = (
  settings: Settings,
  { registry, evidence, metrics, log, keys, tracing, randomU32 }: Ground,
  {
    loading,
    kept,
    standings,
    comparison,
    shared,
  }: {
    readonly loading: Serving['loading'];
    readonly kept: Kept;
    readonly standings: ControlContext['standings'];
    readonly comparison: Comparison;
    readonly shared: Shared;
  },
) => {
  const { monotonicMs, wallMs } = systemClock;
  const { predictionIds, store } = kept;
  const observer = createObserver({ metrics, log, monotonicMs });
  const isExpected = (model: string): boolean => loading.expected().has(model);
  const infer = createInfer({ registry, evidence, isExpected, predictionIds, observer, comparison, randomU32, monotonicMs, wallMs });
  const declaredOf = declareOutcomes({ standings, registry, isComplete: loading.isComplete });
  const postOutcomes = createPostOutcomes({ predictionIds, declaredOf, epochs: store.epochs, record: store.outcomes.record, metrics, wallMs });
  const { maxBodyBytes, maxPendingRequests } = settings;
  const guards = { authorize: createAuthorizer(keys, 'infer'), authorizeOutcome: createAuthorizer(keys, 'outcome') };
  return createDataServer({ ...shared, registry, infer, postOutcomes, tracing, metrics, monotonicMs, maxBodyBytes, maxPendingRequests, ...guards });
};

/** The bundles that are there, and those that gave an answer once. */
const createModelViews = (deps: Parameters<typeof describeModels>[0] & Parameters<typeof createExplainPrediction>[0]) => ({
  ...describeModels(deps),
  explain: createExplainPrediction(deps),
});

type Shared = Pick<DataServerDeps, 'newId' | 'random' | 'log' | 'isDraining' | 'others'>;

/** @throws SettingsError for a keys file that does not hold, DataDirectoryInUseError for a second gateway on the data directory */
export const createApp = async (settings: Settings, launcher: Launcher): Promise<App> => {
  const ground = await openGround(settings, launcher);
  const { log, keys, metrics, registry, randomU32 } = ground;
  const opening = openData(settings, ground);
  const controlled = opening.then((kept) => createControl(ground, kept));
  const { library, loading } = createServing(settings, ground, { controlled, opening });
  // Worker processes come up while the store is opened and the rest is loaded.
  const loaded = loading.rescan();
  // Whoever waits for them hears of a failure; until then it must not end the process.
  for (const begun of [controlled, loaded]) begun.catch(() => undefined);
  // They were for the start alone: an idle process is memory for nothing.
  void loaded.catch(() => undefined).then(launcher.dismissIdle);
  const kept = await opening;
  const { store, restoreKeys, predictionIds } = kept;
  const { context, control, events, comparison, firstAssigned } = await controlled;
  const random = (): number => randomU32() / 2 ** 32;
  const { watched, background } = await beginTicking(settings, ground, { context, events, restoreKeys, random });
  let draining = false;
  const readiness = () => readinessOf({ draining, loading, registry });
  const common = { newId: randomUUID, random, log, readiness };
  const data = createData(settings, ground, {
    loading,
    kept,
    standings: context.standings,
    comparison,
    shared: { ...common, isDraining: () => draining, others: (request, response) => void expressApps.then((apps) => apps.data(request, response)) },
  });
  metrics.observePendingRequests(data.pending);
  const scrape = createScrape(ground, control, watched);
  const explain = (model: string, key: string) => explainRouting(registry.get(model)?.traffic, { model, key });
  const loadExpressApps = async () => {
    // Express takes as long to load as a model to prove: the first model's answers come first, but not if it takes long.
    await Promise.race([firstAssigned, loaded.catch(() => undefined), pause(expressAfterMs)]);
    const [{ createAdminApp }, { createDataApp, createMetricsApp }] = await Promise.all([import('./http/admin-server.ts'), import('./http/open-apps.ts')]);
    const models = createModelViews({ library, registry, predictionIds, servedBundles: store.servedBundles });
    const parts = { keys, rollouts: control, ...watched, events, ledger: store.ledger, explain, models, rescan: loading.rescan, metrics: scrape };
    const dataApp = createDataApp({ ...common, ...openInferenceDeps(ground, loading) });
    return { data: dataApp, admin: createAdminApp({ ...common, ...parts }), metrics: createMetricsApp({ ...common, metrics: scrape }) };
  };
  const expressApps = loadExpressApps();
  return {
    log,
    data: data.listener,
    others: expressApps,
    loaded,
    beginDrain: () => {
      draining = true;
      comparison.drain();
      events.end();
    },
    close: async () => {
      await comparison.close();
      await close(ground, store, background);
    },
  };
};

/** What the Open Inference Protocol tells beside predictions. */
const openInferenceDeps = ({ registry, keys }: Ground, loading: Serving['loading']) => ({
  registry,
  version,
  isExpected: (model: string) => loading.expected().has(model),
  authorize: createAuthorizer(keys, 'infer'),
});

/** What is shown of rollouts and signals is looked up at each scrape. */
const createScrape =
  ({ registry, metrics }: Ground, control: RolloutControl, watched: Awaited<ReturnType<typeof beginTicking>>['watched']): (() => ReturnType<Metrics['text']>) =>
  () => {
    showRollouts({ registry, control, metrics });
    showSignals(watched, metrics);
    return metrics.text();
  };

const close = async ({ registry, tracing, launcher }: Ground, store: Kept['store'], background: readonly Repeating[]): Promise<void> => {
  await Promise.all(background.map(({ stop }) => stop()));
  await Promise.all(registry.list().flatMap((model) => [...model.versions.values()].map((serving) => serving.close())));
  await launcher.close();
  await tracing.shutdown(flushMs);
  await store.close();
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
  return expected.length === 0
    ? { ready: false, detail: loading.isComplete() ? 'No model is there.' : 'The models are being loaded.' }
    : { ready: true, detail: 'Every model has a serving baseline.' };
};
