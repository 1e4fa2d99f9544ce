import type { DatabaseSync } from 'node:sqlite';
import type { LedgerEntry } from '../ledger/ledger-entry.ts';
import type { EndedRollout, KeptProgress, RolloutProgress, RolloutStore } from './rollout-store.ts';
import type { createFilterTables } from './sqlite-filters.ts';
import type { LedgerTable } from './sqlite-ledger.ts';
import { transaction } from './sqlite-schema.ts';

const updateClocks = `update rollouts set step_elapsed_ms = :stepElapsedMs, bake_elapsed_ms = :bakeElapsedMs
where model = :model and rollout = :rollout and revision = :expectedRevision`;

const selectSealed = 'select sealed_blocks as sealedBlocks from rollout_evidence where model = :model and rollout = :rollout';

const upsertEvidence = `insert into rollout_evidence (model, rollout, evidence, sealed_blocks) values (:model, :rollout, :evidence, :sealedBlocks)
on conflict (model) do update set rollout = excluded.rollout, evidence = excluded.evidence, sealed_blocks = excluded.sealed_blocks`;

const deleteEvidence = 'delete from rollout_evidence where model = :model';

const selectProgress = `select step_elapsed_ms as stepElapsedMs, bake_elapsed_ms as bakeElapsedMs, rollout_evidence.evidence as evidence
from rollouts left join rollout_evidence on rollout_evidence.model = rollouts.model and rollout_evidence.rollout = rollouts.rollout
where rollouts.model = :model and rollouts.rollout = :rollout`;

const selectEnded = `select rollout, candidate_digest as candidateDigest, plan_digest as planDigest, attempt, outcome
from ended_rollouts where model = :model order by sequence`;

interface ProgressDeps {
  readonly ledger: LedgerTable;
  readonly filters: ReturnType<typeof createFilterTables>;
}

/** What changes every second, what ended, and whether a life of the gateway is under way. For the thread that owns the database. */
export const createProgressTables = (database: DatabaseSync, { ledger, filters }: ProgressDeps) => {
  const statements = {
    updateClocks: database.prepare(updateClocks),
    selectSealed: database.prepare(selectSealed),
    upsertEvidence: database.prepare(upsertEvidence),
    deleteEvidence: database.prepare(deleteEvidence),
    selectProgress: database.prepare(selectProgress),
    selectEnded: database.prepare(selectEnded),
    selectLife: database.prepare('select under_way as underWay from lives'),
    updateLife: database.prepare('update lives set under_way = :underWay'),
  };
  let life: { readonly previousEndedUncleanly: boolean } | null = null;

  type Change = Parameters<RolloutStore['saveProgress']>[0];

  /** The entries that were sealed, or null for a conflict. */
  const save = ({ model, rollout, expectedRevision, progress, evidence, blocks = [], filters: changes = [] }: Change) =>
    transaction(database, (): readonly LedgerEntry[] | null => {
      const { stepElapsedMs, bakeElapsedMs } = progress;
      if (statements.updateClocks.run({ model, rollout, expectedRevision, stepElapsedMs, bakeElapsedMs }).changes === 0) return null;
      const before = Number(statements.selectSealed.get({ model, rollout })?.sealedBlocks ?? 0);
      const sealed = blocks.filter(({ body }) => body.number > before).map(ledger.append);
      const sealedBlocks = blocks.reduce((highest, { body }) => Math.max(highest, body.number), before);
      if (evidence === null) statements.deleteEvidence.run({ model });
      else statements.upsertEvidence.run({ model, rollout, evidence, sealedBlocks });
      filters.keep(rollout, changes);
      return sealed;
    });

  const load = ({ model, rollout }: Parameters<RolloutStore['loadProgress']>[0]): KeptProgress | null => {
    const row = statements.selectProgress.get({ model, rollout }) as unknown as (RolloutProgress & { readonly evidence: string | null }) | undefined;
    return row === undefined ? null : { progress: { stepElapsedMs: row.stepElapsedMs, bakeElapsedMs: row.bakeElapsedMs }, evidence: row.evidence };
  };

  return {
    save,
    load,
    ended: (model: string) => statements.selectEnded.all({ model }) as unknown as readonly EndedRollout[],
    beginLife: () => {
      life ??= transaction(database, () => {
        const previousEndedUncleanly = statements.selectLife.get()?.underWay === 1;
        statements.updateLife.run({ underWay: 1 });
        return { previousEndedUncleanly };
      });
      return life;
    },
    endLife: () => {
      if (life !== null) statements.updateLife.run({ underWay: 0 });
    },
  };
};
