/** Holds what was recomputed against what the ledger states, block by block in its order, and keeps what does not agree. */
import { type BlockEntry, blockText, type CountedBlock, type StatedCounts, statedText } from './counts.ts';
import { type Evidence, evidenceOf, likelyStartOf, pinsAfter, pinsText } from './evidence.ts';
import type { GuardOf } from './guards.ts';
import type { BlockOf, DecisionOf } from './ledger.ts';

/** Of e-values; of their logarithms this is the absolute difference. */
const tolerance = 1e-9;

export interface Findings {
  /** What does not agree, in words. */
  readonly disagreements: string[];
  readonly sealed: (CountedBlock & Pick<BlockEntry, 'incarnation' | 'block' | 'from'>)[];
  readonly decisions: string[];
  /** E-values that were compared. */
  values: number;
  /** Likely starts of a harm that are the calculator's. */
  starts: number;
  /** Pins that are what the sealed past makes of them. */
  pins: number;
}

export const noFindings = (): Findings => ({ disagreements: [], sealed: [], decisions: [], values: 0, starts: 0, pins: 0 });

export const hold = ({ disagreements }: Findings, what: string, [recomputed, stated]: readonly [string, string]): void => {
  if (recomputed !== stated) disagreements.push(`${what}: recomputed\n${recomputed}\nstated\n${stated}`);
};

const holdValue = (findings: Findings, what: string, [recomputed, stated]: readonly [number | undefined, number | undefined]): void => {
  findings.values += 1;
  const isSame = Math.abs((recomputed ?? Number.NaN) - (stated ?? Number.NaN)) <= tolerance;
  if (!isSame) findings.disagreements.push(`${what}: recomputed ${recomputed}, stated ${stated}`);
};

/** Pins are of the blocks that were sealed when the block began: all before it, or all but the last two when those had requests under way. */
const holdPins = (findings: Findings, guards: readonly GuardOf[], counts: Readonly<Record<string, StatedCounts>>): void => {
  const { sealed } = findings;
  for (const guard of guards.filter(({ name }) => counts[name] !== undefined)) {
    const stated = pinsText(counts[guard.name]?.pins ?? {});
    const allowed = [0, 1, 2].map((left) => pinsText(pinsAfter(guard, sealed.slice(0, Math.max(0, sealed.length - left)))));
    if (!allowed.includes(stated)) findings.disagreements.push(`pins of ${guard.name}: stated ${stated}, of the past ${allowed.join(' or ')}`);
    else if (stated !== '') findings.pins += 1;
  }
};

interface OfBlocks {
  readonly guards: readonly GuardOf[];
  readonly blocks: readonly CountedBlock[];
}

const holdEvidence = (findings: Findings, what: string, { guards, blocks, stated }: OfBlocks & { readonly stated: Evidence }): void => {
  const evidence = evidenceOf(guards, blocks);
  holdValue(findings, `${what}: ln E`, [evidence.lnE, stated.lnE]);
  for (const { name } of guards) {
    holdValue(findings, `${what}: ln E of ${name}`, [evidence.guards[name]?.lnE, stated.guards[name]?.lnE]);
    holdValue(findings, `${what}: promotion of ${name}`, [evidence.guards[name]?.lnGraduation, stated.guards[name]?.lnGraduation]);
  }
};

const holdNumber = (findings: Findings, { number, emptyBefore, incarnation, block }: BlockEntry): void => {
  const last = findings.sealed.at(-1);
  hold(findings, `empty blocks before ${number}`, [String(number - (last?.number ?? 0) - 1), String(emptyBefore)]);
  if (last?.incarnation === incarnation) hold(findings, `the number of block ${block} of its life`, [String(last.number + block - last.block), String(number)]);
};

/** A block of the ledger, and the same as it was counted anew. */
export const holdBlock = (findings: Findings, guards: readonly GuardOf[], [counted, { body }]: readonly [CountedBlock, BlockOf]): void => {
  hold(findings, `counts of block ${body.number}`, [blockText(guards, counted), statedText(guards, body)]);
  holdPins(findings, guards, body.counts);
  holdNumber(findings, body);
  findings.sealed.push({ ...counted, incarnation: body.incarnation, block: body.block, from: body.from });
  holdEvidence(findings, `block ${body.number}`, { guards, blocks: findings.sealed, stated: body });
};

/** A decision of the ledger, and its open blocks as they were counted anew; null when no moment has their counts. */
export const holdDecision = (
  findings: Findings,
  guards: readonly GuardOf[],
  [counted, { sequence, body }]: readonly [readonly CountedBlock[] | null, DecisionOf],
): void => {
  const { findings: stated, open } = body.evidence;
  findings.decisions.push(`${sequence} ${body.move}`);
  if (counted === null) {
    findings.disagreements.push(
      `${body.move}: no moment before it has the counts of its open blocks:\n${open.map((block) => statedText(guards, block)).join('\n')}`,
    );
    return;
  }
  for (const block of open) holdPins(findings, guards, block.counts);
  const byName = Object.fromEntries(stated.guards.map((guard) => [guard.name, guard]));
  const blocks = [...findings.sealed, ...counted];
  holdEvidence(findings, body.move, { guards, blocks, stated: { lnE: stated.lnE, guards: byName } });
  for (const guard of guards) {
    const { lnE, likelyStart } = byName[guard.name] ?? { lnE: 0, likelyStart: null };
    const block = lnE > 0 ? likelyStartOf(guard, blocks) : null;
    const from = [...findings.sealed, ...open].find(({ number }) => number === block)?.from;
    hold(findings, `${body.move}: likely start of ${guard.name}`, [`${block} ${from}`, `${likelyStart?.block ?? null} ${likelyStart?.from}`]);
    if (likelyStart !== null) findings.starts += 1;
  }
};
