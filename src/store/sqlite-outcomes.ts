import type { DatabaseSync } from 'node:sqlite';
import type { OutcomeCounts, OutcomeRange, PostedOutcome } from './outcome-store.ts';
import { transaction } from './sqlite-schema.ts';

const hourMs = 3_600_000;

const insertPosted = 'insert or ignore into posted_outcomes (digest, expires_hour) values (:digest, :expiresHour)';

const addCount = `insert into outcome_counts (rollout, outcome, bucket, source, w, arm, value, count)
values (:rollout, :outcome, :bucket, :source, :w, :arm, :value, :count)
on conflict do update set count = count + excluded.count`;

const addFirstEvent = `insert into outcome_first_events (rollout, outcome, key_hash, bucket, assigned_at_ms, w, arm)
values (:rollout, :outcome, :keyHash, :bucket, :assignedAtMs, :w, :arm)
on conflict do update set bucket = excluded.bucket, assigned_at_ms = excluded.assigned_at_ms, w = excluded.w, arm = excluded.arm
where excluded.assigned_at_ms < assigned_at_ms`;

const selectUnits = `select bucket, w, arm, value, count from outcome_counts
where rollout = :rollout and outcome = :outcome and bucket between :from and :to and source = 'unit' order by bucket, w, arm, value`;

const selectFirstEvents = `select bucket, w, arm, count(*) as count from outcome_first_events
where rollout = :rollout and outcome = :outcome and bucket between :from and :to group by bucket, w, arm order by bucket, w, arm`;

const deleteExpired = `delete from posted_outcomes where digest in (select digest from posted_outcomes where digest < :before limit :limit)`;
const deleteExpiredOfKeys = `delete from posted_outcomes
where digest in (select digest from posted_outcomes where digest >= x'ff' and expires_hour < :hour limit :limit)`;

/** A rollout that is over, or that another attempt has replaced, with something still kept. */
const selectOver = `select rollout from outcome_counts
where rollout not in (select rollout from rollouts where phase not in ('promoted', 'rolled-back')) limit 1`;
const deleteFirstEvents = `delete from outcome_first_events
where rollout = :rollout and (outcome, key_hash) in (select outcome, key_hash from outcome_first_events where rollout = :rollout limit :limit)`;
const deleteCounts = 'delete from outcome_counts where rollout = :rollout';

type Count = NonNullable<PostedOutcome['count']>;

/** The hour as the first four bytes of a digest, big-endian. */
const hourPrefix = (hour: number): Uint8Array => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(hour);
  return bytes;
};

/** Counts of one transaction, added up before they are written: a batch of a thousand has a handful of cells. */
const addUp = () => {
  const cells = new Map<string, Count & { readonly rollout: string; readonly outcome: string; count: number }>();
  return {
    add: ({ rollout, outcome }: PostedOutcome, count: Count): void => {
      const key = `${rollout} ${count.bucket} ${count.w} ${count.arm} ${count.source} ${count.value} ${outcome}`;
      const known = cells.get(key);
      if (known === undefined) cells.set(key, { rollout, outcome, ...count, count: 1 });
      else known.count += 1;
    },
    all: () => cells.values(),
  };
};

/** Posted outcomes, for the thread that owns the database. */
export const createOutcomeTables = (database: DatabaseSync) => {
  const statements = {
    insertPosted: database.prepare(insertPosted),
    addCount: database.prepare(addCount),
    addFirstEvent: database.prepare(addFirstEvent),
    selectUnits: database.prepare(selectUnits),
    selectFirstEvents: database.prepare(selectFirstEvents),
    deleteExpired: database.prepare(deleteExpired),
    deleteExpiredOfKeys: database.prepare(deleteExpiredOfKeys),
    selectOver: database.prepare(selectOver),
    deleteFirstEvents: database.prepare(deleteFirstEvents),
    deleteCounts: database.prepare(deleteCounts),
  };

  /** @returns whether it was new */
  const keep = (posted: PostedOutcome, counts: ReturnType<typeof addUp>): boolean => {
    const { digest, expiresAtMs, rollout, outcome, count, firstEvent } = posted;
    const isNew = statements.insertPosted.run({ digest, expiresHour: Math.ceil(expiresAtMs / hourMs) }).changes > 0;
    if (isNew && count !== null) counts.add(posted, count);
    // One that names only its key is known already when another event of the key has come, at whatever time: this may be the earlier one.
    if (firstEvent !== null && (isNew || count?.source === 'keyed')) statements.addFirstEvent.run({ rollout, outcome, ...firstEvent });
    return isNew;
  };

  const record = (outcomes: readonly PostedOutcome[]): readonly boolean[] =>
    transaction(database, () => {
      const counts = addUp();
      const isNew = outcomes.map((posted) => keep(posted, counts));
      for (const cell of counts.all()) statements.addCount.run({ ...cell });
      return isNew;
    });

  const counts = ({ rollout, outcome, from, to }: OutcomeRange): OutcomeCounts => ({
    units: statements.selectUnits.all({ rollout, outcome, from, to }) as unknown as OutcomeCounts['units'],
    firstEvents: statements.selectFirstEvents.all({ rollout, outcome, from, to }) as unknown as OutcomeCounts['firstEvents'],
  });

  /** Of a rollout that is over: its keys first, a part at a time, so that no other call waits long. */
  const pruneOver = (limit: number): boolean => {
    const over = statements.selectOver.get();
    if (over === undefined) return false;
    const rollout = String(over.rollout);
    if (statements.deleteFirstEvents.run({ rollout, limit }).changes < limit) statements.deleteCounts.run({ rollout });
    return true;
  };

  const prune = ({ nowMs, limit }: { readonly nowMs: number; readonly limit: number }): boolean =>
    transaction(database, () => {
      const hour = Math.floor(nowMs / hourMs);
      const expired = statements.deleteExpired.run({ before: hourPrefix(hour), limit }).changes;
      const expiredOfKeys = statements.deleteExpiredOfKeys.run({ hour, limit }).changes;
      return pruneOver(limit) || expired === limit || expiredOfKeys === limit;
    });

  return { record, counts, prune };
};
