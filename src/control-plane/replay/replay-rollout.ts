/** One rollout, judged again from its entries: its blocks are folded, its decisions are made once more and held against what is written. */
import { digestOf } from '../../ledger/digest-of.ts';
import type { RolloutRecord } from '../../store/rollout-store.ts';
import { type Evidence, foldBlock, startEvidence } from '../analysis/evidence.ts';
import type { BlockCounts } from '../analysis/guard-counts.ts';
import { assessmentOf, type Judged, judge, type Measurements } from '../assess-rollout.ts';
import type { Assessment } from '../assessment.ts';
import { addBlockTimes, type BlockTimes, forgetBegins, noTimes } from '../block-times.ts';
import { legalMoves, type Move } from '../command.ts';
import { type Decided, decide } from '../decide.ts';
import { mergeAssigned } from '../open-block.ts';
import { repeatedDeathMs } from '../unclean-exit.ts';
import { type Disagreement, finite, firstOf, held } from './disagreement.ts';
import { findingsFault } from './findings-fault.ts';
import type { ReadBlock, ReadBlockBody, ReadDecision, ReadEvidence, ReadRules } from './replay-schemas.ts';

/** A rollout as its entries have it so far. */
export interface ReplayedRollout {
  readonly block: (body: ReadBlockBody) => Disagreement;
  readonly decision: (body: ReadDecision, at: string) => Disagreement;
}

interface Standing {
  readonly evidence: Evidence;
  readonly assigned: Measurements['assigned'];
  readonly times: BlockTimes;
  /** The decision before. */
  readonly last: ReadDecision;
  readonly uncleanExitsMs: readonly number[];
}

/** Why blocks do not follow each other. */
const numberFault = (blocks: readonly ReadBlock[], sealed: number): Disagreement => {
  let expected = sealed;
  for (const { number, emptyBefore } of blocks) {
    expected += emptyBefore + 1;
    if (number !== expected) return `block ${number} is not the next one: expected block ${expected}`;
  }
  return null;
};

const emptyBlock: BlockCounts = {};

const withEmpty = (blocks: readonly ReadBlock[]): readonly BlockCounts[] =>
  blocks.flatMap(({ emptyBefore, counts }) => [...new Array<BlockCounts>(emptyBefore).fill(emptyBlock), counts]);

const measurementsOf = ({ plan, guards }: ReadRules, { evidence, assigned }: Pick<Standing, 'evidence' | 'assigned'>): Measurements => ({
  guards,
  evidence,
  open: [],
  assigned,
  risk: plan.risk,
  unmeasured: {},
  ineligibleShare: null,
});

const blockFault = (body: ReadBlockBody, { judged }: Judged): Disagreement =>
  firstOf([
    held('ln E', body.lnE, finite(judged.evidence.lnE)),
    ...judged.guards.flatMap(({ name, lnE, graduation }) => [
      held(`ln E of ${name}`, body.guards[name]?.lnE ?? null, lnE),
      held(`ln E of ${name} for promotion`, body.guards[name]?.lnGraduation ?? null, graduation.lnE),
    ]),
  ]);

const moveOf = (decided: Decided): string => (decided.action === 'roll-back' ? 'rollback' : decided.action);

/** Whether the rule that the engine goes by leads to the move that it made. */
const ruleFault = (
  body: ReadDecision,
  { before }: ReadEvidence,
  { plan, assessment }: { readonly plan: ReadRules['plan']; readonly assessment: Assessment },
): Disagreement => {
  const record = { ...before, candidate: body.state.candidate } as RolloutRecord;
  const decided = decide({ record, plan, assessment, tickedMs: 0 });
  const { value = 1, threshold = Number.NaN } = assessment.evidence ?? {};
  if (moveOf(decided) !== body.move) return `the move: it states ${body.move}, at evidence ${value} of ${threshold} the rule gives ${moveOf(decided)}`;
  if (decided.action === 'nothing') return null;
  return firstOf([
    held('the phase', body.state.phase, decided.to.phase),
    held('the step', body.state.step, decided.to.step),
    held('the weight', body.toWeightHundredths, decided.to.weightHundredths),
  ]);
};

const continuityFault = (body: ReadDecision, last: ReadDecision): Disagreement =>
  firstOf([
    held('the weight before', body.fromWeightHundredths, last.toWeightHundredths),
    held('the revision', body.revision, last.revision + 1),
    body.epoch > last.epoch ? null : `the epoch: it states ${body.epoch}, the one before is ${last.epoch}`,
  ]);

const beforeFault = (body: ReadDecision, { before }: ReadEvidence, last: ReadDecision): Disagreement =>
  firstOf([
    held('the phase before', before.phase, last.state.phase),
    held('the step before', before.step, last.state.step),
    held('the weight before', before.weightHundredths, body.fromWeightHundredths),
  ]);

/** Moves of the gateway that evidence has no part in. */
const withoutEvidence = ['accept', 'start', 'available', 'candidate-unavailable', 'baseline-unavailable', 'baseline-changed', 'unclean-exit'];

const isMove = (move: string): move is Move => Object.values(legalMoves).some((moves) => moves.some((legal) => legal === move));

/** Whether a decision that no evidence led to was allowed. */
const plainFault = (body: ReadDecision, at: string, { last, uncleanExitsMs }: Standing): Disagreement => {
  const { move, actor } = body;
  if (actor !== 'gateway') {
    return isMove(move) && legalMoves[last.state.phase].includes(move) ? null : `the move: ${move} is not legal in phase ${last.state.phase}`;
  }
  if (withoutEvidence.includes(move)) return null;
  if (move !== 'rollback') return `the move: ${move} has no evidence`;
  const diedBefore = uncleanExitsMs.some((exitMs) => Math.abs(Date.parse(at) - exitMs) <= repeatedDeathMs);
  return diedBefore ? null : 'the move: a rollback of the gateway with neither evidence nor an unclean exit shortly before';
};

/** Judges a decision of the engine again. */
const evidenceFault = (
  body: ReadDecision,
  evidence: ReadEvidence,
  { rules, standing }: { readonly rules: ReadRules; readonly standing: Standing },
): Disagreement => {
  const { sealedBlocks, open, inputs } = evidence;
  const outOfPlace = firstOf([
    held('the rules', evidence.rules, rules.digest),
    held('the number of sealed blocks', sealedBlocks, standing.evidence.sealedBlocks),
    numberFault(open, sealedBlocks),
    beforeFault(body, evidence, standing.last),
  ]);
  if (outOfPlace !== null) return outOfPlace;
  const measurements: Measurements = {
    ...measurementsOf(rules, standing),
    open: withEmpty(open),
    assigned: mergeAssigned([...standing.assigned, ...open.flatMap(({ assigned }) => assigned)]),
    unmeasured: inputs.unmeasured,
    ineligibleShare: inputs.ineligibleShare,
  };
  const judgement = judge(measurements);
  const { notCompared, labelAlarm, outcomesDueAtMs, signal } = inputs;
  const assessment = { ...assessmentOf({ measurements, judgement, elsewhere: { notCompared, labelAlarm, outcomesDueAtMs } }), signal };
  const times = open.reduce(addBlockTimes, standing.times);
  const from = { measurements, judged: judgement.judged, times, weightHundredths: body.fromWeightHundredths };
  return findingsFault(evidence, judgement, from) ?? ruleFault(body, evidence, { plan: rules.plan, assessment });
};

/** Begins a rollout with its first entry; or what is wrong with that. */
export const replayRollout = (first: ReadDecision, { digest, ...rules }: ReadRules): ReplayedRollout | string => {
  const found = digestOf(rules);
  if (found !== digest) return `the rules: they have the digest ${found.slice(0, 12)}…, it states ${digest.slice(0, 12)}…`;
  const known: ReadRules = { ...rules, digest };
  const { guards } = known;
  let standing: Standing = { evidence: startEvidence(guards), assigned: [], times: noTimes, last: first, uncleanExitsMs: [] };

  const block = (body: ReadBlockBody): Disagreement => {
    const outOfPlace = numberFault([body], standing.evidence.sealedBlocks);
    if (outOfPlace !== null) return outOfPlace;
    const evidence = withEmpty([body]).reduce((folded, counts) => foldBlock(guards, folded, counts), standing.evidence);
    const assigned = mergeAssigned([...standing.assigned, ...body.assigned]);
    standing = { ...standing, evidence, assigned, times: forgetBegins(addBlockTimes(standing.times, body), evidence) };
    return blockFault(body, judge(measurementsOf(known, standing)));
  };

  const decision = (body: ReadDecision, at: string): Disagreement => {
    const { evidence } = body;
    const fault =
      continuityFault(body, standing.last) ??
      (evidence === undefined ? plainFault(body, at, standing) : evidenceFault(body, evidence, { rules: known, standing }));
    const { uncleanExitsMs } = standing;
    standing = { ...standing, last: body, uncleanExitsMs: body.move === 'unclean-exit' ? [...uncleanExitsMs, Date.parse(at)] : uncleanExitsMs };
    return fault;
  };
  return { block, decision };
};
