import { headText, type LedgerEntry } from '../ledger/ledger-entry.ts';
import type { DecisionLedger } from '../store/rollout-store.ts';
import type { Log } from '../telemetry/log.ts';
import type { Metrics } from '../telemetry/metrics.ts';

/** Tells the ledger's head wherever it may be kept: outside the data directory, where whoever can cut the ledger cannot reach it. */
export interface LedgerAnnouncer {
  /** Call it with every new entry. */
  readonly appended: (entry: LedgerEntry) => void;
  /** Call it once, when the ledger is open. */
  readonly opened: (ledger: DecisionLedger) => Promise<void>;
}

/** Makes the announcer. The hash is in the log and the API; the metric is the sequence alone, since a label has no unbounded values. */
export const createLedgerAnnouncer = ({
  log,
  metrics,
}: {
  readonly log: Pick<Log, 'debug' | 'info' | 'warn'>;
  readonly metrics: Pick<Metrics, 'setLedgerSequence'>;
}): LedgerAnnouncer => ({
  appended: (entry) => {
    metrics.setLedgerSequence(entry.sequence);
    if (entry.kind === 'block') {
      // One a minute and rollout: the head of it is in the API, and in the log with the next decision.
      log.debug({ model: entry.model, rollout: entry.rollout, block: entry.body.number, ledger_head: headText(entry) }, 'a block was sealed');
      return;
    }
    const { move, actor, reason, epoch } = entry.body;
    log.info({ model: entry.model, rollout: entry.rollout, move, actor, reason, epoch, ledger_head: headText(entry) }, 'decided');
  },
  opened: async (ledger) => {
    const [last] = await ledger.page({ limit: 1 });
    metrics.setLedgerSequence(last?.sequence ?? 0);
    if (last === undefined) return;
    log.info({ ledger_head: headText(last) }, 'the ledger is open');
    if (last.keyId !== ledger.keyId) {
      log.warn(
        { ledger_key: ledger.keyId, last_key: last.keyId },
        'the ledger goes on with another key: keep the old one, earlier entries are verified with it',
      );
    }
  },
});
