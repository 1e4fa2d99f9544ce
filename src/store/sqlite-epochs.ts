import type { DatabaseSync } from 'node:sqlite';
import type { KeptEpoch } from './outcome-store.ts';
import type { NewDecision, RolloutRecord } from './rollout-store.ts';

const insertEpoch = `insert into epochs (model, epoch, rollout, available, splits, weight_hundredths, keyed, from_ms)
values (:model, :epoch, :rollout, :available, :splits, :weightHundredths, :keyed, :fromMs)
on conflict (model, epoch) do update set rollout = excluded.rollout, available = excluded.available, splits = excluded.splits,
  weight_hundredths = excluded.weight_hundredths, keyed = excluded.keyed, from_ms = excluded.from_ms`;

const selectNewest = 'select rollout, available from epochs where model = :model order by epoch desc limit 1';

const selectEpochs = `select epoch, rollout, splits, weight_hundredths as weightHundredths, keyed, from_ms as fromMs
from epochs where model = :model order by epoch`;

/** A rollout begins `available`; these moves of the gateway say when that changes. */
const availableAfter: Readonly<Record<string, boolean>> = {
  available: true,
  'candidate-unavailable': false,
  'baseline-unavailable': false,
  'baseline-changed': false,
};

const endedPhases: readonly RolloutRecord['phase'][] = ['promoted', 'rolled-back'];

/** The epoch history: a line a decision, written in its transaction. For the thread that owns the database. */
export const createEpochTable = (database: DatabaseSync) => {
  const statements = { insert: database.prepare(insertEpoch), newest: database.prepare(selectNewest), all: database.prepare(selectEpochs) };

  const isAvailable = ({ model, rollout }: RolloutRecord, move: string): boolean => {
    const named = availableAfter[move];
    if (named !== undefined) return named;
    const newest = statements.newest.get({ model });
    return newest?.rollout !== rollout || newest.available === 1;
  };

  return {
    append: (record: RolloutRecord, { move, atMs }: NewDecision): void => {
      const available = isAvailable(record, move);
      const splits = available && !endedPhases.includes(record.phase);
      const keyed = (JSON.parse(record.plan) as { readonly routingKey?: unknown }).routingKey !== undefined;
      statements.insert.run({
        model: record.model,
        epoch: record.epoch,
        rollout: record.rollout,
        available: Number(available),
        splits: Number(splits),
        weightHundredths: splits && record.signal === null ? record.weightHundredths : 0,
        keyed: Number(keyed),
        fromMs: atMs,
      });
    },
    of: (model: string): readonly KeptEpoch[] =>
      statements.all.all({ model }).map(({ epoch, rollout, splits, weightHundredths, keyed, fromMs }) => ({
        epoch: Number(epoch),
        rollout: splits === 1 ? String(rollout) : null,
        weightHundredths: Number(weightHundredths),
        keyed: keyed === 1,
        fromMs: Number(fromMs),
      })),
  };
};
