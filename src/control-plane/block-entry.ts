import type { BlockContent, CountedBlock } from '../ledger/ledger-entry.ts';
import { assessGuards } from './analysis/assess-guards.ts';
import { compactCounts, holdsCounts } from './analysis/guard-counts.ts';
import type { Guard } from './analysis/guard-test.ts';
import { isoOf } from './block-times.ts';
import type { OpenBlock } from './open-block.ts';
import type { KeptEvidence, SealedBlock } from './rollout-evidence.ts';

/** Counts that are 0 and guards without any are left out: they change no evidence. */
export const countedBlock = (block: OpenBlock & Pick<SealedBlock, 'incarnation' | 'number' | 'emptyBefore'>): CountedBlock => ({
  number: block.number,
  emptyBefore: block.emptyBefore,
  incarnation: block.incarnation,
  block: block.block,
  from: isoOf(block.fromMs),
  to: isoOf(block.toMs),
  counts: Object.fromEntries(
    Object.entries(block.counts)
      .filter(([, counts]) => holdsCounts(counts))
      .map(([name, counts]) => [name, compactCounts(counts)]),
  ),
  assigned: block.assigned.filter(holdsCounts).map(({ w, baseline, candidate }) => ({ w, baseline, candidate })),
});

/** What the ledger says of a sealed block. */
export const blockContent = (
  block: SealedBlock,
  of: Pick<BlockContent, 'model' | 'rollout' | 'at'> & {
    readonly guards: readonly Guard[];
    readonly risk: { readonly falseRollback: number; readonly falsePromotion: number };
  },
): BlockContent => {
  const { guards, risk, ...content } = of;
  const { evidence, guards: assessed } = assessGuards({
    guards,
    evidence: block.after,
    prefixes: [[]],
    risk: { alpha: risk.falseRollback, beta: risk.falsePromotion },
  });
  return {
    ...content,
    kind: 'block',
    body: {
      ...countedBlock(block),
      lnE: guards.length === 0 ? null : evidence.lnE,
      guards: Object.fromEntries(assessed.map(({ name, lnE, graduation }) => [name, { lnE, lnGraduation: graduation.lnE }])),
    },
  };
};

/** The open blocks with counts, numbered after the sealed ones. */
export const openBlocks = ({ open, evidence, emptyBlocks, incarnation }: KeptEvidence): readonly CountedBlock[] => {
  let emptyBefore = emptyBlocks;
  return open.flatMap((block, index) => {
    if (!holdsCounts([block.counts, block.assigned])) {
      emptyBefore += 1;
      return [];
    }
    const counted = countedBlock({ ...block, incarnation, number: evidence.sealedBlocks + index + 1, emptyBefore });
    emptyBefore = 0;
    return [counted];
  });
};
