import { mkdtemp, rm } from 'node:fs/promises';
import type { RequestListener } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createControlContext } from '../../src/control-plane/change-rollout.ts';
import { createRolloutControl, type RolloutControl } from '../../src/control-plane/rollout-control.ts';
import { type AdminDeps, createAdminApp } from '../../src/http/admin-server.ts';
import { ProblemError } from '../../src/problem.ts';
import { createSqliteRolloutStore } from '../../src/store/sqlite-rollout-store.ts';
import type { TrafficAssignment } from '../../src/store/traffic-assignment.ts';
import { createDocumentedApp } from './documented-app.ts';
import { found, planFile } from './rollout-files.ts';
import { createTroubledStore } from './troubled-store.ts';

/** An admin app over a real store, with `card-fraud` pending 1.4.0 to 2.0.0 and `search-ranker` without a rollout. */
export interface TestAdmin {
  readonly app: RequestListener;
  readonly rollouts: RolloutControl;
  readonly published: readonly TrafficAssignment[];
  readonly logged: readonly unknown[];
  readonly dataDir: string;
  /** Fails whatever needs the store from now on. */
  readonly closeStore: () => Promise<void>;
  /** From now on the store answers no save. */
  readonly hangStore: () => void;
  /** Rejects when a call was answered with a status that the API document does not know of. */
  readonly close: () => Promise<void>;
}

const models: AdminDeps['models'] = {
  list: () => [{ model: 'card-fraud', version: '1.4.0' }],
  get: (model, version) => {
    if (model !== 'card-fraud') throw new ProblemError('model-not-found', `There is no model ${model}.`);
    return { model, version };
  },
  explain: () => {
    throw new ProblemError('not-found', 'No prediction of this gateway has this id.');
  },
};

export const createTestAdmin = async (changes: Partial<AdminDeps> = {}): Promise<TestAdmin> => {
  const directory = await mkdtemp(join(tmpdir(), 'handoff-admin-'));
  const { store, hang } = createTroubledStore(await createSqliteRolloutStore({ dataDir: directory }));
  const published: TrafficAssignment[] = [];
  const logged: unknown[] = [];
  let ids = 0;
  const rollouts = createRolloutControl(
    createControlContext({
      store,
      clock: { wallMs: () => Date.UTC(2026, 4, 1), monotonicMs: () => 0 },
      newId: () => {
        ids += 1;
        return `rollout-${ids}`;
      },
      publish: (assignment) => {
        published.push(assignment);
      },
    }),
  );
  const cards = found(['1.4.0', '2.0.0'], [planFile()]);
  await rollouts.reconcile({ ...cards, versions: [...cards.versions, { model: 'search-ranker', version: '1.2.0', digest: 'r' }] });
  const { app, undocumented } = createDocumentedApp(
    createAdminApp({
      rollouts,
      ledger: store.ledger,
      explain: (model, key) => ({ key, bucket: 17, weight: rollouts.get(model).weight, arm: 'baseline', epoch: 1, rollout: 'rollout-1' }),
      rescan: async () => ({ accepted: [], refused: [] }),
      models,
      signals: { push: () => ({}) },
      events: { open: () => () => undefined },
      metrics: async () => ({ contentType: 'text/plain; version=0.0.4', body: 'gateway_up 1\n' }),
      readiness: () => ({ ready: true, detail: '' }),
      keys: null,
      newId: () => 'request-1',
      random: () => 0.5,
      log: { error: (fields) => logged.push(fields) },
      ...changes,
    }),
  );
  const close = async (): Promise<void> => {
    await store.close();
    await rm(directory, { recursive: true, force: true });
    if (undocumented().length > 0) throw new Error(`docs/openapi.json lacks ${undocumented().join(', ')}`);
  };
  return { app, rollouts, published, logged, dataDir: directory, closeStore: store.close, hangStore: () => void hang('save'), close };
};
