import type { Decision, RolloutRecord, RolloutStore } from '../store/rollout-store.ts';
import type { Availability } from './standing.ts';

const decisionsAtOnce = 100;

const availabilities: Readonly<Record<Availability, true>> = {
  available: true,
  'candidate-unavailable': true,
  'baseline-unavailable': true,
  'baseline-changed': true,
};

const isAvailability = (move: string): move is Availability => Object.hasOwn(availabilities, move);

const lastAvailability = (decisions: readonly Decision[], rollout: string): Availability | null => {
  for (const decision of decisions) {
    if (decision.rollout !== rollout) return 'available';
    if (isAvailability(decision.move)) return decision.move;
  }
  return null;
};

/** The availability that the kept epoch stands for. An earlier life of the gateway wrote it to the decisions; a rollout begins `available`. */
export const keptAvailability = async (store: RolloutStore, { model, rollout }: RolloutRecord): Promise<Availability> => {
  let before = Number.MAX_SAFE_INTEGER;
  for (;;) {
    const decisions = await store.decisions({ model, limit: decisionsAtOnce, before });
    const found = lastAvailability(decisions, rollout);
    if (found !== null) return found;
    if (decisions.length < decisionsAtOnce) return 'available';
    before = decisions.at(-1)?.sequence ?? 0;
  }
};
