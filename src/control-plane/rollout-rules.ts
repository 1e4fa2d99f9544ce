import { digestOf } from '../ledger/digest-of.ts';
import type { RolloutRules } from '../ledger/ledger-entry.ts';
import type { RolloutRecord } from '../store/rollout-store.ts';
import { blockSeconds, liveGuardsOf } from './live-guards.ts';
import { acceptanceOf, planOf } from './standing.ts';

/** What a rollout is judged by, as its first entry in the ledger says it: enough to judge it again without anything else. */
export const rulesOf = (record: RolloutRecord): RolloutRules => {
  const rules = {
    plan: planOf(record),
    acceptance: acceptanceOf(record),
    guards: liveGuardsOf(record).guards.map(({ guard }) => guard),
    blockSeconds,
  };
  return { ...rules, digest: digestOf(rules) };
};
