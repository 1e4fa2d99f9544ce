import { firstDifferingRow } from '../data-plane/comparison/differ.ts';
import { pairOutcome } from '../data-plane/comparison/pair-outcome.ts';
import type { Evidence } from '../data-plane/observe/evidence.ts';
import type { KeyHash } from '../data-plane/observe/key-hash.ts';
import type { RolloutAssignment } from '../store/traffic-assignment.ts';
import type { CaseRun } from './run-cases.ts';

/** Both versions' runs of one request. */
export interface PlayedPair {
  readonly rollout: RolloutAssignment;
  readonly key: KeyHash | null;
  readonly baseline: CaseRun;
  readonly candidate: CaseRun;
  readonly deadlineMs: number;
}

const ran = ({ failure, runMs }: CaseRun) => {
  const result = failure === null ? 'ok' : failure === 'breach' ? 'breach' : 'error';
  return { result, us: runMs * 1_000, why: failure, cpuMs: 0 } as const;
};

const differences = ({ rollout, baseline, candidate }: PlayedPair): readonly boolean[] | null => {
  if (baseline.answer === null || candidate.answer === null) return null;
  const rows = { baseline: baseline.answer.rows, candidate: candidate.answer.rows };
  return (rollout.compare?.differences ?? []).map((rule) => firstDifferingRow(rule, rows) !== -1);
};

/** Counts a pair as the comparison process does, from runs that were measured before. */
export const playPair = (evidence: Evidence, pair: PlayedPair): void => {
  const { rollout, key, baseline, candidate, deadlineMs } = pair;
  const rules = rollout.compare?.differences.length ?? 0;
  const pending = evidence.beginPair({ rollout: rollout.id, key, differences: rules });
  const differ = differences(pair);
  const compared = differ === null ? null : { differ, example: null };
  const outcome = pairOutcome({ baseline: ran(baseline), candidate: ran(candidate) }, { compared, deadlineMs });
  if (outcome === null) pending.withdraw();
  else pending.end(outcome);
};

/** Counts a pair of the baseline with itself: the same measured run twice, which never differs. */
export const playSelfPair = (evidence: Evidence, { rollout, key }: Pick<PlayedPair, 'rollout' | 'key'>): void => {
  const rules = rollout.compare?.differences.length ?? 0;
  evidence.beginSelfPair({ rollout: rollout.id, key, differences: rules }).end(new Array<boolean>(rules).fill(false));
};
