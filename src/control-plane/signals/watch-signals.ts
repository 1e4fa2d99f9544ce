/**
 * The signals that the serving versions depend on: the values that were pushed, and what they say. One watch for each signal
 * of a live rollout's candidate and of a serving baseline. A candidate's signal takes its traffic away; a baseline's has no
 * fallback, so it only pages. States of a watch: clear <-> holding, looked at with every push and every tick.
 */
import { ProblemError } from '../../problem.ts';
import type { KeptHold } from '../../store/outbox.ts';
import type { RolloutRecord } from '../../store/rollout-store.ts';
import type { Assessment } from '../assessment.ts';
import { isLive } from '../position.ts';
import type { Standing } from '../standing.ts';
import { assessSignal, type SignalReading, type SignalRule, type SignalStatus } from './assess-signal.ts';
import { signalWords } from './signal-words.ts';

/** The signals that one loaded version declares, with what its runbook says about calling people. */
export interface DeclaringVersion {
  readonly model: string;
  readonly version: string;
  readonly rules: readonly SignalRule[];
  readonly onCall: string;
  readonly escalation: readonly string[];
}

/** One signal of one version, watched. */
export interface SignalWatch {
  readonly model: string;
  readonly version: string;
  readonly role: 'baseline' | 'candidate';
  /** The rollout of a candidate; null for a baseline. */
  readonly rollout: string | null;
  readonly rule: SignalRule;
  readonly declared: Pick<DeclaringVersion, 'onCall' | 'escalation'>;
  readonly watchedSinceMs: number;
  readonly status: SignalStatus;
}

/** What a push means: the versions that declare the signal. Field names are those of the answer's JSON. */
export interface PushedSignal {
  readonly signal: string;
  readonly value: number;
  readonly concerns: readonly {
    readonly model: string;
    readonly version: string;
    readonly unit: string;
    /** What the version is to the traffic now; `none` is not watched. */
    readonly role: 'baseline' | 'candidate' | 'none';
    /** Whether the signal is above its limit for this version, or has not come back from that yet. */
    readonly holds: boolean;
  }[];
}

/** A signal with a value, as metrics show it. */
export interface PushedValue {
  readonly signal: string;
  readonly value: number;
  readonly ageMs: number;
}

export interface SignalsDeps {
  readonly standings: ReadonlyMap<string, Standing>;
  /** The loaded versions. */
  readonly declaring: () => readonly DeclaringVersion[];
  readonly monotonicMs: () => number;
  /** Milliseconds since the epoch, to place holds that an earlier life has kept. */
  readonly wallMs: () => number;
  readonly kept: readonly KeptHold[];
}

export interface Signals {
  /** Takes a value. @throws ProblemError not-found for a signal that no loaded version declares */
  readonly push: (name: string, value: number) => PushedSignal;
  /** Looks at every signal now, so that what follows is of one moment. Call it once a tick. */
  readonly look: () => void;
  /** The signal that takes the traffic from the candidate of a live rollout; the one in force first. Null when none does. */
  readonly holding: (record: RolloutRecord) => Assessment['signal'];
  readonly watches: () => readonly SignalWatch[];
  /** The last values of the signals that a loaded version declares. */
  readonly values: () => readonly PushedValue[];
  readonly readingOf: (name: string) => SignalReading | null;
}

type Subject = Pick<SignalWatch, 'model' | 'version' | 'role' | 'rollout'>;

/** A signal of a version, whatever its role: also the key under which its hold is kept. */
export const holdKeyOf = ({ model, version, signal }: Pick<KeptHold, 'model' | 'version' | 'signal'>): string => JSON.stringify([model, version, signal]);

const keyOf = ({ model, version, rule }: Pick<SignalWatch, 'model' | 'version' | 'rule'>): string => holdKeyOf({ model, version, signal: rule.name });

/** Whose signals count in this model now: those of the candidate while its rollout is live, and of the baseline that serves. */
export const subjectsOf = ({ record, assignment }: Standing): readonly Subject[] => [
  ...(record !== null && isLive(record.phase) ? [{ model: record.model, version: record.candidate, role: 'candidate' as const, rollout: record.rollout }] : []),
  ...(assignment.baseline === null ? [] : [{ model: assignment.model, version: assignment.baseline, role: 'baseline' as const, rollout: null }]),
];

const unknownSignal = (name: string, known: readonly string[]): ProblemError =>
  new ProblemError(
    'not-found',
    `There is no signal ${JSON.stringify(name.slice(0, 64))}: ${known.length === 0 ? 'no loaded version declares one' : `the loaded versions declare ${known.join(', ')}`}.`,
  );

interface SignalsState extends SignalsDeps {
  readonly readings: Map<string, SignalReading>;
  /** Holds of the life before that no watch has taken over yet, by key. */
  readonly keptHolds: Map<string, KeptHold>;
  watches: ReadonlyMap<string, SignalWatch>;
}

const readingIn = ({ readings }: SignalsState, name: string): SignalReading | null => readings.get(name) ?? null;

/** What was in force when the life before ended is in force now. */
const firstStatus = ({ keptHolds, wallMs, monotonicMs }: SignalsState, key: string, wasHeld: boolean): SignalStatus => {
  const keptHold = keptHolds.get(key);
  if (keptHold === undefined && !wasHeld) return { holds: false };
  const lastedMs = keptHold === undefined ? 0 : Math.max(0, wallMs() - keptHold.sinceMs);
  return { holds: true, cause: 'kept', sinceMs: monotonicMs() - lastedMs };
};

/** The watches of one model as they were, but for their part in the traffic. */
const watchesOf = (state: SignalsState, standing: Standing, versions: readonly DeclaringVersion[]): readonly SignalWatch[] =>
  subjectsOf(standing).flatMap((subject) => {
    const declared = versions.find(({ model, version }) => model === subject.model && version === subject.version);
    // A version that is not loaded has no traffic; what was known of its signals stays until it is back.
    if (declared === undefined) return [...state.watches.values()].filter(({ model, version }) => model === subject.model && version === subject.version);
    return declared.rules.map((rule): SignalWatch => {
      const key = keyOf({ ...subject, rule });
      const wasHeld = subject.role === 'candidate' && standing.record?.signal === rule.name;
      const before = state.watches.get(key) ?? { watchedSinceMs: state.monotonicMs(), status: firstStatus(state, key, wasHeld) };
      return { ...subject, rule, declared, watchedSinceMs: before.watchedSinceMs, status: before.status };
    });
  });

const lookAtAll = (state: SignalsState): void => {
  const versions = state.declaring();
  const nowMs = state.monotonicMs();
  const all = [...state.standings.values()].flatMap((standing) => watchesOf(state, standing, versions));
  const looked = all.map((watch): SignalWatch => {
    const { rule, status: before, watchedSinceMs } = watch;
    return { ...watch, status: assessSignal({ rule, before, reading: readingIn(state, rule.name), watchedSinceMs, nowMs }) };
  });
  state.watches = new Map(looked.map((watch) => [keyOf(watch), watch]));
  for (const key of state.watches.keys()) state.keptHolds.delete(key);
};

const concernsOf = ({ declaring, watches }: SignalsState, name: string): PushedSignal['concerns'] =>
  declaring().flatMap(({ model, version, rules }) =>
    rules
      .filter((rule) => rule.name === name)
      .map((rule) => {
        const watch = watches.get(keyOf({ model, version, rule }));
        return { model, version, unit: rule.unit, role: watch?.role ?? ('none' as const), holds: watch?.status.holds ?? false };
      }),
  );

const holdingOf = (state: SignalsState, record: RolloutRecord): Assessment['signal'] => {
  const ofRollout = [...state.watches.values()].filter(({ role, rollout, status }) => role === 'candidate' && rollout === record.rollout && status.holds);
  const watch = ofRollout.find(({ rule }) => rule.name === record.signal) ?? ofRollout[0];
  if (watch === undefined || !watch.status.holds) return null;
  const { rule, status } = watch;
  const nowMs = state.monotonicMs();
  return { name: rule.name, sinceMs: nowMs - status.sinceMs, words: signalWords({ rule, status, reading: readingIn(state, rule.name), nowMs }) };
};

/** Makes the signals. Nothing is known of any value before its first push in this life of the process. */
export const createSignals = (deps: SignalsDeps): Signals => {
  const { declaring, monotonicMs, kept } = deps;
  const state: SignalsState = { ...deps, readings: new Map(), keptHolds: new Map(kept.map((entry) => [holdKeyOf(entry), entry])), watches: new Map() };
  const names = (): readonly string[] => [...new Set(declaring().flatMap(({ rules }) => rules.map((rule) => rule.name)))].sort();
  return {
    push: (name, value) => {
      const known = names();
      if (!known.includes(name)) throw unknownSignal(name, known);
      state.readings.set(name, { value, atMs: monotonicMs() });
      // At once, so that a value above the limit counts although a lower one comes within the same second.
      lookAtAll(state);
      return { signal: name, value, concerns: concernsOf(state, name) };
    },
    look: () => lookAtAll(state),
    holding: (record) => holdingOf(state, record),
    watches: () => [...state.watches.values()],
    values: () =>
      names().flatMap((signal) => {
        const reading = readingIn(state, signal);
        return reading === null ? [] : [{ signal, value: reading.value, ageMs: monotonicMs() - reading.atMs }];
      }),
    readingOf: (name) => readingIn(state, name),
  };
};
