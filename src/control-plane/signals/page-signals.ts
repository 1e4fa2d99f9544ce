/**
 * Calls people when a signal holds for longer than its bundle says, once a hold, and tells when it is over. A hold is kept
 * with its page, so that neither is forgotten or told twice over a restart. States of a hold: kept -> paged -> dropped.
 */
import { type CloudEvent, cloudEvent } from '../../notify/cloud-event.ts';
import type { KeptHold, Notice, Outbox } from '../../store/outbox.ts';
import type { Standing } from '../standing.ts';
import { signalWords } from './signal-words.ts';
import { holdKeyOf, type Signals, type SignalWatch, subjectsOf } from './watch-signals.ts';

/** What a page says, and its end. Field names are those of the event's data. */
export interface SignalPage {
  /** The same in both events of a page. */
  readonly page: { readonly id: string };
  readonly reason: string;
  readonly signal: { readonly name: string; readonly value: number | null; readonly since: string };
  readonly version: string;
  readonly role: 'baseline' | 'candidate' | 'none';
  readonly rollout: { readonly id: string } | null;
  /** As the bundle's manifest has it. */
  readonly on_call: string | null;
  readonly escalation: readonly string[];
}

export interface PagerDeps {
  readonly outbox: Pick<Outbox, 'keepHold' | 'dropHold'>;
  readonly signals: Pick<Signals, 'watches' | 'readingOf'>;
  readonly standings: ReadonlyMap<string, Standing>;
  readonly monotonicMs: () => number;
  readonly wallMs: () => number;
  readonly newId: () => string;
  /** Id of the ledger's key, which names the gateway in its events. */
  readonly keyId: string;
  /** The holds of the life before. */
  readonly kept: readonly KeptHold[];
  /** Hears of every page once it is kept, whether there is a webhook or not. */
  readonly onPage: (event: CloudEvent<SignalPage>) => void;
  /** Hears of a store that fails; the same is tried with the next tick. */
  readonly onFault: (error: unknown) => void;
}

export interface Pager {
  /** Compares what holds with what is kept. Call it once a tick, after the signals have been looked at. Never rejects. */
  readonly tick: () => Promise<void>;
  /** The holds with an open page. */
  readonly open: () => readonly KeptHold[];
}

const raised = 'handoff.page.raised';
const resolved = 'handoff.page.resolved';

interface PagerState extends PagerDeps {
  readonly holds: Map<string, KeptHold>;
}

const holdKeyOfWatch = ({ model, version, rule }: SignalWatch): string => holdKeyOf({ model, version, signal: rule.name });

const pageEvent = (state: PagerState, type: typeof raised | typeof resolved, told: { readonly hold: KeptHold; readonly page: string } & Told) => {
  const { hold, page, reason, watch } = told;
  const data: SignalPage = {
    page: { id: page },
    reason,
    signal: { name: hold.signal, value: state.signals.readingOf(hold.signal)?.value ?? null, since: new Date(hold.sinceMs).toISOString() },
    version: hold.version,
    role: watch?.role ?? 'none',
    rollout: watch?.rollout == null ? null : { id: watch.rollout },
    on_call: watch?.declared.onCall ?? null,
    escalation: watch?.declared.escalation ?? [],
  };
  const id = type === raised ? page : `${page}-resolved`;
  return cloudEvent({ keyId: state.keyId, id, type, subject: hold.model, time: new Date(state.wallMs()).toISOString(), data });
};

interface Told {
  readonly reason: string;
  /** Undefined when nobody watches the signal any more. */
  readonly watch: SignalWatch | undefined;
}

/** Both events of a page are in one lane, so that its end does not overtake it. */
const noticeOf = (state: PagerState, event: CloudEvent<SignalPage>): Notice => ({
  lane: `page:${event.data.page.id}`,
  event: JSON.stringify(event),
  atMs: state.wallMs(),
});

const reasonOf = (state: PagerState, { rule, status }: SignalWatch): string =>
  status.holds ? signalWords({ rule, status, reading: state.signals.readingOf(rule.name), nowMs: state.monotonicMs() }) : '';

/** A signal that holds: kept from its beginning, paged once when it has lasted. */
const keepHold = async (state: PagerState, watch: SignalWatch): Promise<void> => {
  const { model, version, rule, status } = watch;
  if (!status.holds) return;
  const key = holdKeyOfWatch(watch);
  const known = state.holds.get(key);
  if (known?.page != null) return;
  const lastedMs = state.monotonicMs() - status.sinceMs;
  const isDue = lastedMs >= rule.pageAfterMs;
  if (known !== undefined && !isDue) return;
  const hold = known ?? { model, version, signal: rule.name, sinceMs: Math.round(state.wallMs() - lastedMs), page: null };
  if (!isDue) {
    await state.outbox.keepHold(hold, null);
    state.holds.set(key, hold);
    return;
  }
  const page = state.newId();
  const event = pageEvent(state, raised, { hold, page, reason: reasonOf(state, watch), watch });
  await state.outbox.keepHold({ ...hold, page }, noticeOf(state, event));
  state.holds.set(key, { ...hold, page });
  state.onPage(event);
};

/** What was kept before its model is known, or while its version is not loaded, is not over yet. */
const isOver = ({ standings }: PagerState, hold: KeptHold, watch: SignalWatch | undefined): boolean => {
  if (watch !== undefined) return !watch.status.holds;
  const standing = standings.get(hold.model);
  return standing !== undefined && !subjectsOf(standing).some(({ version }) => version === hold.version);
};

const dropHold = async (state: PagerState, hold: KeptHold, watch: SignalWatch | undefined): Promise<void> => {
  const { model, version, signal, page } = hold;
  const reason = watch === undefined ? `${model} ${version} has no traffic any more` : `the signal ${signal} does not hold any more`;
  const event = page === null ? null : pageEvent(state, resolved, { hold, page, reason, watch });
  await state.outbox.dropHold({ model, version, signal }, event === null ? null : noticeOf(state, event));
  state.holds.delete(holdKeyOf(hold));
  if (event !== null) state.onPage(event);
};

const tickOnce = async (state: PagerState): Promise<void> => {
  const watches = new Map(state.signals.watches().map((watch) => [holdKeyOfWatch(watch), watch]));
  for (const watch of watches.values()) await keepHold(state, watch);
  for (const [key, hold] of [...state.holds]) {
    const watch = watches.get(key);
    if (isOver(state, hold, watch)) await dropHold(state, hold, watch);
  }
};

/** Makes the pager. */
export const createPager = (deps: PagerDeps): Pager => {
  const state: PagerState = { ...deps, holds: new Map(deps.kept.map((hold) => [holdKeyOf(hold), hold])) };
  return {
    tick: () => tickOnce(state).catch(deps.onFault),
    open: () => [...state.holds.values()].filter(({ page }) => page !== null),
  };
};
