import { randomBytes } from 'node:crypto';
import { createPredictionIds } from '../data-plane/observe/prediction-id.ts';
import type { Settings } from '../settings.ts';
import { keptSecretIn } from '../store/kept-secret.ts';
import { createPatientStore } from '../store/patient-store.ts';
import { createSqliteRolloutStore } from '../store/sqlite-rollout-store.ts';
import { createLedgerAnnouncer } from './announce-ledger.ts';
import type { Ground } from './ground.ts';
import { createRestoreKeys } from './restore-keys.ts';

/** The secret of the prediction ids. */
const predictionKeyFile = 'prediction.key';

/**
 * What is kept in the data directory: the rollouts with their ledger, and the key of the prediction ids.
 * @throws DataDirectoryInUseError for a second gateway on it
 */
export const openKept = async (settings: Settings, { log, metrics, evidence, trust }: Ground) => {
  const announcer = createLedgerAnnouncer({ log, metrics });
  const opened = await createSqliteRolloutStore({
    dataDir: settings.dataDir,
    onEntry: announcer.appended,
    onDiskFull: () =>
      log.error(
        { dataDir: settings.dataDir },
        'the disk of the data folder is full: what has to be kept now takes the room of its reserve; make room before that is used up',
      ),
    ...(settings.ledgerKey === undefined ? {} : { ledgerSecret: Buffer.from(settings.ledgerKey, 'hex') }),
  });
  const store = createPatientStore(opened);
  await announcer.opened(store.ledger);
  if (!trust.checks) log.warn({ trust: trust.mode }, 'signatures of bundles are not checked: HANDOFF_TRUSTED_KEYS_DIR names the keys to trust');
  // Before the first decision: those of a gateway without a webhook are not queued.
  await store.outbox.setWebhook(settings.webhookUrl !== undefined);
  // Over restarts the same: outcomes come for the answers of an earlier life.
  const key = settings.predictionKey === undefined ? keptSecretIn(settings.dataDir, predictionKeyFile) : Buffer.from(settings.predictionKey, 'hex');
  const predictionIds = createPredictionIds({ key, incarnation: randomBytes(4) });
  return { store, predictionIds, restoreKeys: createRestoreKeys({ store, evidence, hashKey: predictionIds.hashKey }) };
};

export type Kept = Awaited<ReturnType<typeof openKept>>;
