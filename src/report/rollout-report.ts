/** What the next handoff should know of a rollout, taken from the ledger's entries alone and the offline judgements beside it. Pure. */
import { z } from 'zod';
import type { AnyLedgerEntry } from '../ledger/verify-chain.ts';
import { type CountedBlock, countedBlock, type RolloutCost, rolloutCost } from './rollout-cost.ts';

const state = z.object({
  attempt: z.number(),
  phase: z.string(),
  baseline: z.string(),
  candidate: z.string(),
  candidateDigest: z.string(),
  step: z.number(),
});

const arm = z.object({ n: z.number(), events: z.number().optional(), value: z.number().nullable().optional() }).nullable();

const guard = z.object({
  name: z.string(),
  kind: z.string(),
  verdict: z.string().nullable(),
  baseline: arm,
  candidate: arm,
  effect: z.number().nullable().optional(),
  interval: z.array(z.number().nullable()).nullable().optional(),
});

/** The parts of a decision that are reported; entries carry more. Decisions from before the chain say no state and are left out. */
const decision = z.object({
  move: z.string(),
  actor: z.string(),
  reason: z.string(),
  fromWeightHundredths: z.number(),
  toWeightHundredths: z.number(),
  state,
  rules: z.object({ guards: z.array(z.object({ name: z.string(), kind: z.string() })) }).optional(),
  evidence: z
    .object({
      open: z.array(countedBlock),
      findings: z.object({
        blamed: z.string().nullable().optional(),
        guards: z.array(guard).default([]),
      }),
    })
    .optional(),
});

/** How an offline criterion came out, as `handoff check` judges it. Effects are in the margin's own terms. */
export interface OfflineJudgement {
  readonly criterion: string;
  readonly candidate: number;
  readonly baseline: number | null;
  readonly effect: number | null;
  readonly verdict: string;
}

type Guard = z.infer<typeof guard>;

/** One stretch of a rollout: from one decision to the next. */
export interface Stretch {
  readonly from: string;
  /** Seconds until the next decision; null for the last one. */
  readonly seconds: number | null;
  readonly move: string;
  readonly actor: string;
  readonly phase: string;
  readonly step: number;
  /** Percent of requests. */
  readonly weight: number;
  readonly reason: string;
}

/** One criterion, offline beside live; null where it was not judged. */
export interface CriterionReport {
  readonly criterion: string;
  readonly offline: Omit<OfflineJudgement, 'criterion'> | null;
  readonly live: Omit<Guard, 'name'> | null;
}

export interface RolloutReport {
  readonly rollout: string;
  readonly model: string;
  readonly attempt: number;
  readonly baseline: string;
  readonly candidate: string;
  readonly candidateDigest: string;
  /** The phase in which it stands, or ended. */
  readonly outcome: string;
  readonly reason: string;
  /** Who or what took the traffic back; null while nobody has. */
  readonly caught: { readonly by: string; readonly criterion: string | null; readonly sentence: string } | null;
  readonly criteria: readonly CriterionReport[];
  /** What users paid. A failed or rejected candidate request was answered by the baseline: rescued. Null: the ledger has no figures. */
  readonly cost: Omit<RolloutCost, 'gaps'>;
  /** Ticked or not, by the wall clock of the ledger. */
  readonly seconds: number;
  readonly stretches: readonly Stretch[];
  /** What the ledger could not say. */
  readonly gaps: readonly string[];
}

interface Decided {
  readonly at: string;
  readonly model: string;
  readonly body: z.infer<typeof decision>;
}

const decidedOf = (entries: readonly AnyLedgerEntry[], rollout: string): readonly Decided[] =>
  entries.flatMap((entry) => {
    const parsed = entry.rollout === rollout && entry.kind === 'decision' ? decision.safeParse(entry.body) : null;
    return parsed?.success === true ? [{ at: entry.at, model: entry.model, body: parsed.data }] : [];
  });

const blocksOf = (entries: readonly AnyLedgerEntry[], rollout: string): readonly CountedBlock[] =>
  entries.flatMap((entry) => {
    const parsed = entry.rollout === rollout && entry.kind === 'block' ? countedBlock.safeParse(entry.body) : null;
    return parsed?.success === true ? [parsed.data] : [];
  });

const secondsBetween = (from: string, to: string): number => Math.round((Date.parse(to) - Date.parse(from)) / 1_000);

const stretchesOf = (decisions: readonly Decided[]): readonly Stretch[] =>
  decisions.map(({ at, body }, index) => {
    const next = decisions[index + 1];
    const { move, actor, reason, toWeightHundredths } = body;
    const seconds = next === undefined ? null : secondsBetween(at, next.at);
    return { from: at, seconds, move, actor, phase: body.state.phase, step: body.state.step, weight: toWeightHundredths / 100, reason };
  });

/** The newest figures that a decision was made from. */
const findingsOf = (decisions: readonly Decided[]) => decisions.findLast(({ body }) => body.evidence !== undefined)?.body.evidence?.findings ?? null;

const criteriaOf = (offline: readonly OfflineJudgement[], guards: readonly Guard[]): readonly CriterionReport[] => {
  const names = new Set([...offline.map(({ criterion }) => criterion), ...guards.map(({ name }) => name)]);
  return [...names].map((criterion) => {
    const { criterion: _, ...judged } = offline.find((entry) => entry.criterion === criterion) ?? { criterion };
    const { name: __, ...live } = guards.find((entry) => entry.name === criterion) ?? { name: criterion };
    return { criterion, offline: 'verdict' in judged ? judged : null, live: 'verdict' in live ? live : null };
  });
};

/** @returns null when the ledger has no decision of this rollout that says a state */
export const rolloutReport = (
  entries: readonly AnyLedgerEntry[],
  {
    rollout,
    offline,
  }: { readonly rollout: string /** Null: the candidate's bundle is not there any more. */; readonly offline: readonly OfflineJudgement[] | null },
): RolloutReport | null => {
  const decisions = decidedOf(entries, rollout);
  const last = decisions.at(-1);
  const first = decisions[0];
  if (last === undefined || first === undefined) return null;
  const findings = findingsOf(decisions);
  const guards = findings?.guards ?? [];
  const { attempt, baseline, candidate, candidateDigest, phase } = last.body.state;
  const taken = decisions.findLast(({ body }) => body.move === 'rollback');
  const counted = { guards: first.body.rules?.guards ?? null, sealed: blocksOf(entries, rollout), decisions: decisions.map(({ body }) => body) };
  const { gaps: uncounted, ...cost } = rolloutCost(counted);
  return {
    rollout,
    model: last.model,
    attempt,
    baseline,
    candidate,
    candidateDigest,
    outcome: phase,
    reason: last.body.reason,
    caught: taken === undefined ? null : { by: taken.body.actor, criterion: taken.body.evidence?.findings.blamed ?? null, sentence: taken.body.reason },
    criteria: criteriaOf(offline ?? [], guards),
    cost,
    seconds: secondsBetween(first.at, last.at),
    stretches: stretchesOf(decisions),
    gaps: [
      ...(findings === null ? ['No decision of the engine in this ledger carries the figures of its guards.'] : []),
      ...(offline === null ? ['The bundle of the candidate is not there with the files that were tried, so nothing was evaluated offline.'] : []),
      ...uncounted,
    ],
  };
};
