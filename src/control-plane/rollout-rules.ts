import { digestOf } from '../ledger/digest-of.ts';
import type { RolloutRules } from '../ledger/ledger-entry.ts';
import type { RolloutRecord } from '../store/rollout-store.ts';
import { liveGuardsOf } from './live-guards.ts';
import { blockSecondsOf } from './plan.ts';
import { acceptanceOf, planOf } from './standing.ts';

/** What a rollout is judged by, as its first entry in the ledger says it: enough to judge it again without anything else. */
export const rulesOf = (record: RolloutRecord): RolloutRules => {
  const rules = {
    plan: planOf(record),
    acceptance: acceptanceOf(record),
    guards: liveGuardsOf(record).guards.map(({ guard }) => guard),
    blockSeconds: blockSecondsOf(planOf(record)),
  };
  return { ...rules, digest: digestOf(rules) };
};
