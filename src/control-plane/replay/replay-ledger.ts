import type { LedgerHead } from '../../ledger/ledger-entry.ts';
import { type AnyLedgerEntry, type ChainFault, checkLine } from '../../ledger/verify-chain.ts';
import type { Disagreement } from './disagreement.ts';
import { type ReplayedRollout, replayRollout } from './replay-rollout.ts';
import { blockBody, decisionBody, type ReadDecision } from './replay-schemas.ts';

/** Whether the entries of a ledger follow from each other, or the first that does not. */
export type ReplayVerdict =
  | {
      readonly agrees: true;
      readonly entries: number;
      readonly head: LedgerHead | null;
      /** Rollouts and their entries that were judged again. */
      readonly rollouts: number;
      readonly blocks: number;
      readonly decisions: number;
      /** Entries of rollouts that began before the ledger held their rules. */
      readonly withoutRules: number;
    }
  | { readonly agrees: false; readonly sequence: number; readonly fault: ChainFault | 'disagrees'; readonly reason: string };

/** What was made of an entry. */
type Taken = { readonly taken: 'block' | 'decision' | 'without-rules' } | { readonly taken: 'wrong'; readonly reason: string };

const wrong = (reason: string): Taken => ({ taken: 'wrong', reason });

const verdictOn = (kind: 'block' | 'decision', disagreement: Disagreement): Taken => (disagreement === null ? { taken: kind } : wrong(disagreement));

/** Takes entries in their order, of all models and rollouts. */
const createReplay = () => {
  const rollouts = new Map<string, ReplayedRollout>();

  const takeBlock = ({ rollout, body }: AnyLedgerEntry): Taken => {
    const parsed = blockBody.safeParse(body);
    if (!parsed.success) return wrong(`it is no block: ${parsed.error.issues[0]?.path.join('.')}`);
    const known = rollouts.get(rollout);
    return known === undefined ? { taken: 'without-rules' } : verdictOn('block', known.block(parsed.data));
  };

  const begin = (rollout: string, body: ReadDecision): Taken => {
    if (body.rules === undefined) return { taken: 'without-rules' };
    const begun = replayRollout(body, body.rules);
    if (typeof begun === 'string') return wrong(begun);
    rollouts.set(rollout, begun);
    return { taken: 'decision' };
  };

  const takeDecision = ({ rollout, at, body }: AnyLedgerEntry): Taken => {
    const parsed = decisionBody.safeParse(body);
    if (!parsed.success) return wrong(`it is no decision: ${parsed.error.issues[0]?.path.join('.')}`);
    if (parsed.data.migrated) return { taken: 'without-rules' };
    const known = rollouts.get(rollout);
    if (known === undefined) return begin(rollout, parsed.data);
    return parsed.data.rules === undefined ? verdictOn('decision', known.decision(parsed.data, at)) : wrong('the rules of the rollout are stated again');
  };

  return { rollouts, take: (entry: AnyLedgerEntry): Taken => (entry.kind === 'block' ? takeBlock(entry) : takeDecision(entry)) };
};

/** What the analysis makes of data that no gateway would have written. */
const takeSafely = (take: (entry: AnyLedgerEntry) => Taken, entry: AnyLedgerEntry): Taken => {
  try {
    return take(entry);
  } catch (error) {
    return wrong(`it cannot be judged: ${error instanceof Error ? error.message : String(error)}`);
  }
};

/**
 * Judges every rollout again from the entries alone: each e-value and verdict to 1e-9, and whether each move of the engine is the one that its
 * rule gives. The hashes are checked on the way, the macs are not. Stops at the first entry that does not agree.
 *
 * @param lines every entry in order, each as canonical JSON
 */
export const replayLedger = async (lines: Iterable<string> | AsyncIterable<string>): Promise<ReplayVerdict> => {
  const { rollouts, take } = createReplay();
  const count = { block: 0, decision: 0, 'without-rules': 0 };
  let previous: LedgerHead | null = null;
  for await (const line of lines) {
    const step = checkLine(line, { previous, keys: null });
    if (!step.verifies) return { agrees: false, sequence: step.sequence, fault: step.fault, reason: step.reason };
    const { sequence, hash } = step.entry;
    const result = takeSafely(take, step.entry);
    if (result.taken === 'wrong') return { agrees: false, sequence, fault: 'disagrees', reason: `entry ${sequence} does not agree: ${result.reason}` };
    count[result.taken] += 1;
    previous = { sequence, hash };
  }
  const entries = previous?.sequence ?? 0;
  return {
    agrees: true,
    entries,
    head: previous,
    rollouts: rollouts.size,
    blocks: count.block,
    decisions: count.decision,
    withoutRules: count['without-rules'],
  };
};
