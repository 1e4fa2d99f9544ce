/** The outbox and the signals that hold, as the store's worker thread writes and reads them. */
import type { DatabaseSync } from 'node:sqlite';
import type { DecisionEntry } from '../ledger/ledger-entry.ts';
import type { KeptHold, Notice, Outbox, QueuedContent, QueuedEvent } from './outbox.ts';
import { transaction } from './sqlite-schema.ts';

// From lane to lane by the index: a receiver that is dead for long must not make the store slow.
const selectHeads = `with recursive lanes (lane) as (
  select min(lane) from outbox
  union all
  select (select min(outbox.lane) from outbox where outbox.lane > lanes.lane) from lanes where lanes.lane is not null
)
select (select min(position) from outbox where outbox.lane = lanes.lane) as position, lane from lanes where lane is not null order by 1`;
const selectEvent = 'select sequence, event from outbox where position = :position';
const selectBacklog = 'select count(*) as events, (select queued_at_ms from outbox order by position limit 1) as oldestMs from outbox';
const insertNotice = `insert into outbox (lane, queued_at_ms, event) select :lane, :atMs, :event where (select is_on from webhook) = 1`;

const selectHolds = 'select model, version, signal, since_ms as sinceMs, page from signal_holds order by model, version, signal';
const upsertHold = `insert into signal_holds (model, version, signal, since_ms, page) values (:model, :version, :signal, :sinceMs, :page)
on conflict (model, version, signal) do update set since_ms = excluded.since_ms, page = excluded.page`;
const deleteHold = 'delete from signal_holds where model = :model and version = :version and signal = :signal';

/** What the thread is asked about the outbox: a method of the port with its arguments. */
export type OutboxRequest = { readonly [Method in keyof Outbox]: { readonly method: Method; readonly args: Parameters<Outbox[Method]> } }[keyof Outbox];

/** What each method answers with. */
export type OutboxAnswer = Awaited<ReturnType<Outbox[keyof Outbox]>>;

/** Prepares the outbox's statements. `decisionOf` reads a decision of the ledger by its sequence. */
export const createOutboxTables = (database: DatabaseSync, decisionOf: (sequence: number) => DecisionEntry) => {
  const statements = {
    setWebhook: database.prepare('update webhook set is_on = :isOn'),
    heads: database.prepare(selectHeads),
    event: database.prepare(selectEvent),
    remove: database.prepare('delete from outbox where position = :position'),
    backlog: database.prepare(selectBacklog),
    insertNotice: database.prepare(insertNotice),
    holds: database.prepare(selectHolds),
    upsertHold: database.prepare(upsertHold),
    deleteHold: database.prepare(deleteHold),
  };

  const queue = (notice: Notice | null): void => {
    if (notice !== null) statements.insertNotice.run({ ...notice });
  };
  const read = (position: number): QueuedContent | null => {
    const row = statements.event.get({ position });
    if (row === undefined) return null;
    return row.event === null ? { kind: 'decision', entry: decisionOf(Number(row.sequence)) } : { kind: 'notice', event: String(row.event) };
  };

  return (request: OutboxRequest): OutboxAnswer => {
    switch (request.method) {
      case 'setWebhook':
        statements.setWebhook.run({ isOn: request.args[0] ? 1 : 0 });
        return;
      case 'heads':
        return statements.heads.all() as unknown as readonly QueuedEvent[];
      case 'read':
        return read(request.args[0]);
      case 'remove':
        statements.remove.run({ position: request.args[0] });
        return;
      case 'backlog':
        return statements.backlog.get() as unknown as Awaited<ReturnType<Outbox['backlog']>>;
      case 'holds':
        return statements.holds.all() as unknown as readonly KeptHold[];
      case 'keepHold': {
        const [hold, notice] = request.args;
        transaction(database, () => {
          statements.upsertHold.run({ ...hold });
          queue(notice);
        });
        return;
      }
      case 'dropHold': {
        const [{ model, version, signal }, notice] = request.args;
        transaction(database, () => {
          if (statements.deleteHold.run({ model, version, signal }).changes > 0) queue(notice);
        });
        return;
      }
    }
  };
};
