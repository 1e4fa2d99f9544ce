import { durationMsOf } from '../bundle/duration.ts';
import type { Clock } from '../clock.ts';
import { createPager, type Pager } from '../control-plane/signals/page-signals.ts';
import { createSignals, type DeclaringVersion, type Signals } from '../control-plane/signals/watch-signals.ts';
import type { Standing } from '../control-plane/standing.ts';
import type { ModelRegistry } from '../data-plane/registry.ts';
import type { RolloutStore } from '../store/rollout-store.ts';
import type { Log } from '../telemetry/log.ts';
import type { Metrics } from '../telemetry/metrics.ts';

export interface RunSignalsDeps {
  readonly store: Pick<RolloutStore, 'outbox' | 'ledger'>;
  readonly registry: Pick<ModelRegistry, 'list'>;
  readonly standings: ReadonlyMap<string, Standing>;
  readonly clock: Clock;
  readonly newId: () => string;
  readonly log: Pick<Log, 'info' | 'error'>;
}

/** The signals of a gateway and the pages for them. */
export interface RunningSignals {
  readonly signals: Signals;
  readonly pager: Pager;
}

const declaringIn = (registry: RunSignalsDeps['registry']): readonly DeclaringVersion[] =>
  registry.list().flatMap(({ name: model, versions }) =>
    [...versions.values()].map(({ bundle: { version, manifest } }) => ({
      model,
      version,
      rules: manifest.signals.map(({ pageAfter, staleAfter, ...rule }) => ({
        ...rule,
        pageAfterMs: durationMsOf(pageAfter),
        staleAfterMs: durationMsOf(staleAfter),
      })),
      onCall: manifest.runbook.onCall,
      escalation: manifest.runbook.escalation,
    })),
  );

/** Makes the signals with what the store has kept of them. Rejects when the store fails. */
export const openSignals = async ({ store, registry, standings, clock, newId, log }: RunSignalsDeps): Promise<RunningSignals> => {
  const kept = await store.outbox.holds();
  const signals = createSignals({ standings, declaring: () => declaringIn(registry), ...clock, kept });
  const pager = createPager({
    outbox: store.outbox,
    signals,
    standings,
    ...clock,
    newId,
    keyId: store.ledger.keyId,
    kept,
    onPage: ({ type, subject, data }) => {
      const fields = { model: subject, version: data.version, signal: data.signal.name, page: data.page.id, reason: data.reason };
      // An error line means that someone must act now: that is what a page is.
      if (type.endsWith('raised')) log.error(fields, 'page');
      else log.info(fields, 'the page is over');
    },
    onFault: (error) => log.error({ err: error }, 'the holds of signals could not be kept'),
  });
  return { signals, pager };
};

/** Puts the signals and their pages into the metrics. To be called at a scrape. */
export const showSignals = ({ signals, pager }: RunningSignals, metrics: Pick<Metrics, 'setSignals'>): void => {
  const paged = new Set(pager.open().map(({ model, version, signal }) => JSON.stringify([model, version, signal])));
  metrics.setSignals({
    values: signals.values(),
    watches: signals.watches().map(({ model, version, rule, status }) => ({
      model,
      version,
      signal: rule.name,
      holds: status.holds,
      isPaged: paged.has(JSON.stringify([model, version, rule.name])),
    })),
  });
};
