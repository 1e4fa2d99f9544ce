/** What a rollout cost users, added up over the counts of its blocks. Pure. */
import { z } from 'zod';
import { fullWeightHundredths } from '../control-plane/position.ts';
import { blockBody } from '../control-plane/replay/replay-schemas.ts';

const units = z.array(z.object({ candidate: z.object({ events: z.number() }) }));

/** The parts of a block that are reported: of its own entry, or where it was open at a decision. */
export const countedBlock = blockBody
  .pick({ number: true, to: true, assigned: true })
  .extend({ counts: z.record(z.string(), z.object({ units: units.optional() })) });

export type CountedBlock = z.output<typeof countedBlock>;

/** What of a decision tells whether the requests around it are in some entry. */
interface Weighed {
  readonly fromWeightHundredths: number;
  readonly toWeightHundredths: number;
  readonly evidence?: { readonly open: readonly CountedBlock[] } | undefined;
}

interface Counted {
  /** Of the rules in the rollout's first entry; null: it began before the ledger held them, and its first blocks are missing too. */
  readonly guards: readonly { readonly name: string; readonly kind: string }[] | null;
  /** The block entries, in their order. */
  readonly sealed: readonly CountedBlock[];
  readonly decisions: readonly Weighed[];
}

export interface RolloutCost {
  /** Evidence requests: nothing else is counted. */
  readonly candidateRequests: number | null;
  /** Of these; a request has failed or was rejected, never both. */
  readonly rescuedRequests: number | null;
  /** What the figures leave out. */
  readonly gaps: readonly string[];
}

const sum = <Entry>(entries: readonly Entry[], of: (entry: Entry) => number): number => entries.reduce((total, entry) => total + of(entry), 0);

/** A block that was open at the last decision with evidence has an entry later, with all of its counts, unless the rollout ended there. */
const blocksOf = ({ sealed, decisions }: Counted): readonly CountedBlock[] => {
  const open = decisions.findLast(({ evidence }) => evidence !== undefined)?.evidence?.open ?? [];
  const last = sealed.at(-1)?.number ?? 0;
  return [...sealed, ...open.filter(({ number }) => number > last)];
};

/** The kinds of criteria that count rescued requests, and what is not known without one. */
const rescuedKinds = { errorRate: 'failed requests', breachRate: 'rejected outputs' } as const;

/** Pairs are copies that nobody waits for, and first events are keys. All criteria of a kind count the same requests. */
const rescuedOf = (guards: NonNullable<Counted['guards']>, blocks: readonly CountedBlock[]): Pick<RolloutCost, 'rescuedRequests' | 'gaps'> => {
  const kinds = Object.entries(rescuedKinds).map(([kind, what]) => ({ what, guard: guards.find((one) => one.kind === kind) }));
  const counting = kinds.flatMap(({ guard }) => guard ?? []);
  return {
    rescuedRequests:
      counting.length === 0 ? null : sum(blocks, ({ counts }) => sum(counting, ({ name }) => sum(counts[name]?.units ?? [], (at) => at.candidate.events))),
    gaps: kinds.flatMap(({ what, guard }) => (guard === undefined ? [`No live criterion counts ${what}, so the rescued requests are without them.`] : [])),
  };
};

const isSplit = (weightHundredths: number): boolean => weightHundredths > 0 && weightHundredths < fullWeightHundredths;

/** A block under way is written with a decision of the engine, and forgotten at the end of a rollout that a person ends. */
const uncounted = (decisions: readonly Weighed[], blocks: readonly CountedBlock[]): readonly string[] => {
  const last = decisions.at(-1);
  const before = last !== undefined && last.evidence === undefined && isSplit(last.fromWeightHundredths);
  const after = last !== undefined && isSplit(last.toWeightHundredths);
  const to = blocks.at(-1)?.to;
  return [
    ...(before || after ? [to === undefined ? 'No request is counted in an entry.' : `Requests after ${to} are counted in no entry.`] : []),
    ...(decisions.some(({ toWeightHundredths }) => toWeightHundredths === fullWeightHundredths)
      ? ['Of the time in which the candidate had all requests none is counted: there was nothing to compare it with.']
      : []),
  ];
};

/** The cost as far as the ledger has it, over the whole rollout: not only up to the last decision of the engine. */
export const rolloutCost = (counted: Counted): RolloutCost => {
  const { guards, decisions } = counted;
  if (guards === null) {
    return { candidateRequests: null, rescuedRequests: null, gaps: ['The rollout began before this ledger held rules and counts, so its cost is not known.'] };
  }
  const blocks = blocksOf(counted);
  if (blocks.length === 0 && decisions.every(({ evidence }) => evidence === undefined)) {
    return { candidateRequests: null, rescuedRequests: null, gaps: uncounted(decisions, blocks) };
  }
  const { rescuedRequests, gaps } = rescuedOf(guards, blocks);
  return {
    candidateRequests: sum(blocks, ({ assigned }) => sum(assigned, ({ candidate }) => candidate)),
    rescuedRequests,
    gaps: [...gaps, ...uncounted(decisions, blocks)],
  };
};
