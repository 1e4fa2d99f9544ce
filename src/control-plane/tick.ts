/**
 * The spine of the engine. Once a second, for every model on its own: load, assess, keep, decide, verify, show, move. Everything
 * is injected, time too; what a tick needs of the last one is in the store, so a new process goes on where the old one stood.
 */
import type { BlockContent, DecisionEvidence } from '../ledger/ledger-entry.ts';
import type { FilterChange } from '../store/observation.ts';
import type { RolloutRecord } from '../store/rollout-store.ts';
import { within } from '../within.ts';
import type { Assessment } from './assessment.ts';
import { changeInTime, inForceMs, LateChangeError, patienceMs, unanswered } from './change-in-time.ts';
import { type ControlContext, gateway, positionAfter, rememberStanding } from './change-rollout.ts';
import { type Decided, decide, takeAwayOf } from './decide.ts';
import type { SeenAtDecision } from './decision-evidence.ts';
import { noteRollbacks } from './note-rollbacks.ts';
import { isLive, ticked } from './position.ts';
import { planOf, type Standing, standingAfter } from './standing.ts';
import { takeAway } from './take-away.ts';
import { barToPromotion } from './verify-promotion.ts';

/** What is to be kept after an assessment, all in one transaction. */
export interface KeepNow {
  /** All that the same assessment could be made from again, as text that only the measuring half reads. */
  readonly evidence: string | null;
  /** Blocks that were sealed and are not in the ledger yet. */
  readonly blocks: readonly BlockContent[];
  readonly filters: readonly FilterChange[];
}

/** How the evidence of a rollout outlives the process and the rollout. */
export interface EvidenceKeeping {
  /** Called once before the first assessment of a rollout in this process; null: there is none yet. */
  readonly restore: (model: string, record: RolloutRecord, evidence: string | null) => void | Promise<void>;
  readonly toKeep: (model: string, record: RolloutRecord) => KeepNow;
  /** What `toKeep` gave last is in the store. */
  readonly kept: (model: string, record: RolloutRecord) => void;
  /** What the ledger is to say of a decision that is made from the last assessment. */
  readonly forDecision: (model: string, record: RolloutRecord, seen: SeenAtDecision) => DecisionEvidence;
  /** The model has no rollout any more that takes evidence. */
  readonly release: (model: string) => void;
}

export interface EngineDeps {
  readonly context: ControlContext;
  /** What the evidence of a rollout says now. */
  readonly assess: (model: string, record: RolloutRecord) => Assessment | Promise<Assessment>;
  readonly evidence: EvidenceKeeping;
  /** Hears of a model whose tick failed; the other models had theirs. */
  readonly onFault: (model: string, error: unknown) => void;
}

export interface Engine {
  /** One look at every rollout, but for those whose last look is still under way. Call it once a second. Resolves when all are over; never rejects. */
  readonly tick: () => Promise<void>;
}

/** The engine between two ticks. */
interface EngineState extends EngineDeps {
  /** The rollout of each model whose evidence is in this process. */
  readonly restored: Map<string, string>;
}

/** One model in one tick. */
interface Subject {
  readonly model: string;
  readonly standing: Standing;
  readonly record: RolloutRecord;
  /** Milliseconds that count for the clocks. */
  readonly tickedMs: number;
  readonly storeDown: boolean;
}

type Assessed = Subject & { readonly assessment: Assessment };

type DecidedSubject = Assessed & { readonly decision: Decided };

/** A process that was stopped for longer has not watched the rollout meanwhile: that time passes no step. */
const maxTickedMs = 5_000;

const load = async (state: EngineState, model: string, tickedMs: number): Promise<Subject | null> => {
  const standing = state.context.standings.get(model);
  if (standing?.record == null || !isLive(standing.record.phase)) {
    if (state.restored.delete(model)) state.evidence.release(model);
    return null;
  }
  const { record } = standing;
  // Without both versions nothing is compared and the weight is not in force: that time passes no step either.
  const subject = { model, standing, record, tickedMs: standing.availability === 'available' ? tickedMs : 0, storeDown: false };
  if (state.restored.get(model) === record.rollout) return subject;
  try {
    const kept = await state.context.store.loadProgress({ model, rollout: record.rollout });
    await state.evidence.restore(model, record, kept?.evidence ?? null);
    state.restored.set(model, record.rollout);
    return subject;
  } catch (error) {
    state.onFault(model, error);
    return { ...subject, storeDown: true };
  }
};

const assessEvidence = async (state: EngineState, subject: Subject): Promise<Assessed> => {
  const assessment = await state.assess(subject.model, subject.record);
  return { ...subject, assessment: { ...assessment, storeDown: subject.storeDown || assessment.storeDown } };
};

const decideFor = ({ record, assessment, tickedMs }: Assessed): Decided => decide({ record, plan: planOf(record), assessment, tickedMs });

/** The evidence is on the disk before anything is decided from it. A store that fails stops the clocks, not the guards, and what takes traffic away hardly waits. */
const keep = async ({ context, evidence, onFault }: EngineState, subject: Assessed): Promise<Assessed> => {
  const { model, record, tickedMs, assessment } = subject;
  const down = { ...subject, tickedMs: 0, assessment: { ...assessment, storeDown: true } };
  // What it has not answered yet may be kept any moment, and the revision is another one then.
  if (context.late.has(model)) onFault(model, new Error(unanswered));
  if (assessment.storeDown || context.late.has(model)) return down;
  const { stepElapsedMs, bakeElapsedMs } = ticked(record, tickedMs);
  const change = { model, rollout: record.rollout, expectedRevision: record.revision, progress: { stepElapsedMs, bakeElapsedMs } };
  const limitMs = takeAwayOf(decideFor(subject), record) === null ? patienceMs : inForceMs;
  try {
    const saved = await within(context.store.saveProgress({ ...change, ...evidence.toKeep(model, record) }), limitMs, unanswered);
    if (saved === 'saved') {
      evidence.kept(model, record);
      return subject;
    }
  } catch (error) {
    onFault(model, error);
    return down;
  }
  throw new Error(`the rollout of ${model} was changed by someone else`);
};

/** What was decided and is not kept yet comes before what is decided now; but a hold may become a rollback. */
const decideNow = ({ context }: EngineState, subject: Assessed): DecidedSubject => {
  const { record, standing, tickedMs } = subject;
  const now = decideFor(subject);
  const waiting = context.unkept.get(record.rollout);
  if (waiting !== undefined && !(waiting.move === 'hold' && now.action === 'roll-back')) {
    const to = positionAfter(ticked(record, tickedMs), waiting);
    return { ...subject, decision: { action: waiting.move === 'rollback' ? 'roll-back' : 'hold', to, sentence: waiting.sentence } };
  }
  const isPossible = standing.availability === 'available' || now.action === 'roll-back';
  return { ...subject, decision: isPossible ? now : { action: 'nothing', waitsFor: 'a version that is not available' } };
};

/** Before a candidate gets everything its files are looked at once more. The engine waits when they do not hold; a person sees why. */
const verify = async ({ context }: EngineState, subject: DecidedSubject): Promise<DecidedSubject> => {
  const { record, decision } = subject;
  if (decision.action === 'nothing') return subject;
  const waitsFor = await barToPromotion(context, record, { from: record, to: decision.to });
  return waitsFor === null ? subject : { ...subject, decision: { action: 'nothing', waitsFor } };
};

/** What the tick found is shown, and the clocks have passed, whether a move follows or not. */
const show = ({ context }: EngineState, { model, standing, record, tickedMs, assessment, decision }: DecidedSubject): Standing & { record: RolloutRecord } => {
  const live = { assessment, waitsFor: decision.action === 'nothing' ? decision.waitsFor : null, tickedAtMs: context.clock.wallMs() };
  const now = { ...(context.standings.get(model) ?? standing), record: ticked(record, tickedMs), live };
  rememberStanding(context, now);
  return now;
};

const takingBy = (taking: 'rollback' | 'hold', signal: Assessment['signal']) => {
  if (taking === 'rollback') return { move: taking };
  if (signal === null) throw new Error('nothing holds without a signal');
  return { move: taking, signal };
};

/** Saved, then in force; what takes traffic away is in force in any case. */
const move = async ({ context, evidence, onFault }: EngineState, { decision, ...subject }: DecidedSubject, now: ReturnType<typeof show>): Promise<void> => {
  const { model, record, assessment, tickedMs } = subject;
  if (decision.action === 'nothing') return;
  const { action, to, sentence } = decision;
  const waiting = context.unkept.get(record.rollout);
  // What held is told as it was when it took the traffic, although it may be over now.
  const signal = waiting?.move === 'hold' ? waiting.signal : assessment.signal;
  const seen = evidence.forDecision(model, record, { before: ticked(record, tickedMs), assessment: { ...assessment, signal } });
  const taking = takeAwayOf(decision, record);
  if (taking !== null) {
    const own = (waiting?.actor ?? gateway) === gateway ? { evidence: seen } : {};
    const by = { sentence, actor: gateway, ...own };
    const keeping = await takeAway(context, now, { ...takingBy(taking, signal), ...by });
    if ('error' in keeping) onFault(model, new Error(`a ${taking} is in force and not kept yet`, { cause: keeping.error }));
    return;
  }
  const change = { previous: record, next: { ...record, ...to, reason: sentence }, epoch: now.assignment.epoch, move: action, actor: gateway, evidence: seen };
  await changeInTime(context, change, standingAfter).catch((error: unknown) => {
    // It is in force as soon as it is kept, and the next tick says so when that takes longer.
    if (!(error instanceof LateChangeError)) throw error;
  });
};

const tickModel = async (state: EngineState, model: string, tickedMs: number): Promise<void> => {
  const loaded = await load(state, model, tickedMs);
  if (loaded === null) return; // no rollout, or none that is on
  const assessed = await assessEvidence(state, loaded);
  const kept = await keep(state, assessed);
  const decided = decideNow(state, kept);
  const verified = await verify(state, decided);
  const now = show(state, verified);
  await move(state, verified, now);
};

/** Makes the engine. It ticks when it is told to and reads no clock but the context's. */
export const createEngine = (deps: EngineDeps): Engine => {
  const { standings, unkept, late, clock, inTurn } = deps.context;
  const state: EngineState = { ...deps, restored: new Map() };
  const tickedAtMs = new Map<string, number>();
  const underWay = new Map<string, Promise<void>>();
  let lastMs = clock.monotonicMs();

  /** Whole milliseconds since the model's last tick, or since the engine's for one that is new. */
  const tickedSince = (model: string): number => {
    const sinceMs = tickedAtMs.get(model) ?? lastMs;
    const wholeMs = Math.max(0, Math.floor(clock.monotonicMs() - sinceMs));
    tickedAtMs.set(model, sinceMs + wholeMs);
    return Math.min(wholeMs, maxTickedMs);
  };
  const begin = (model: string): void => {
    const tickedMs = tickedSince(model);
    const looking = inTurn(model, () => tickModel(state, model, tickedMs))
      .catch((error: unknown) => deps.onFault(model, error))
      .finally(() => underWay.delete(model));
    underWay.set(model, looking);
  };
  return {
    tick: async () => {
      for (const model of standings.keys()) if (!underWay.has(model)) begin(model);
      lastMs = clock.monotonicMs();
      await Promise.all(underWay.values());
      void noteRollbacks(deps.context).catch((error: unknown) => {
        for (const { model } of unkept.values()) deps.onFault(model, new Error('a rollback is not noted', { cause: error }));
      });
      // Its moves are part of it; but the next one need not wait for them.
      await within(Promise.allSettled(late.values()), patienceMs, unanswered).catch(() => undefined);
    },
  };
};
