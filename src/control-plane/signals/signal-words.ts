import type { SignalReading, SignalRule, SignalStatus } from './assess-signal.ts';

/** A duration as people say it: `45 s`, `12 min`, `3 h`. */
const durationWords = (durationMs: number): string => {
  const seconds = Math.max(0, Math.floor(durationMs / 1_000));
  if (seconds < 120) return `${seconds} s`;
  return seconds < 7_200 ? `${Math.floor(seconds / 60)} min` : `${Math.floor(seconds / 3_600)} h`;
};

type Holding = Extract<SignalStatus, { readonly holds: true }>;

interface Spoken {
  readonly rule: SignalRule;
  readonly status: Holding;
  readonly reading: SignalReading | null;
  readonly nowMs: number;
}

const causeWords = ({ rule, status, reading, nowMs }: Spoken): string => {
  const { unit, holdAbove, clearBelow, staleAfterMs } = rule;
  const ageMs = reading === null ? 0 : nowMs - reading.atMs;
  switch (status.cause) {
    case 'above':
      return (reading?.value ?? 0) > holdAbove
        ? `is ${reading?.value} ${unit}, above its limit of ${holdAbove} ${unit}`
        : `is ${reading?.value} ${unit}, within its limit of ${holdAbove} ${unit} but not below ${clearBelow} ${unit} yet`;
    case 'missing':
      return `is missing: no value has come since the gateway looks for it, one is due every ${durationWords(staleAfterMs)}`;
    case 'stale':
      return `is stale: its last value, ${reading?.value} ${unit}, came ${durationWords(ageMs)} ago, one is due every ${durationWords(staleAfterMs)}`;
    case 'kept':
      return 'held when the gateway ended, and no value has come since';
  }
};

/** A holding signal in words: `the signal feature-lag is 412 s, above its limit of 300 s, for 12 s`. */
export const signalWords = (spoken: Spoken): string =>
  `the signal ${spoken.rule.name} ${causeWords(spoken)}; it holds for ${durationWords(spoken.nowMs - spoken.status.sinceMs)}`;
