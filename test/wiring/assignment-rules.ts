/** Which arm a request gets, and whether it is evidence, by the published rules and from what came in alone. */
import { isUtf8 } from 'node:buffer';
import { murmur3 } from './hashes.ts';
import type { Arm, RawRecord } from './raw-log.ts';

/** What is known of a rollout besides the log. */
export interface Facts {
  readonly rollout: string;
  readonly baseline: string;
  readonly candidate: string;
  readonly routingKey: { readonly header: string } | { readonly field: string } | null;
  readonly match: readonly { readonly header: string; readonly equals: string }[];
  readonly watchedOutputs: readonly string[];
  /** The weight in force by epoch, hundredths of a percent. */
  readonly weightHundredthsAt: (epoch: number) => number;
  /** Whether both versions' contracts hold for a row. */
  readonly isEligible: (row: Row) => boolean;
  readonly deadlineMs: number;
  readonly predictionKey: Buffer;
}

type Row = Readonly<Record<string, unknown>>;

/** A record that holds against the rules by itself. */
export class Disagreement extends Error {}

export const demand = (holds: boolean, what: string, record: RawRecord): void => {
  if (!holds) throw new Disagreement(`${what}: ${JSON.stringify(record).slice(0, 400)}`);
};

export type AssignedRecord = Extract<RawRecord, { readonly kind: 'assigned' }>;
export type AnsweredRecord = Extract<RawRecord, { readonly kind: 'answered' }>;
type ReceivedRecord = Extract<RawRecord, { readonly kind: 'received' }>;

/** A request as it came in. */
export interface Received {
  readonly record: ReceivedRecord;
  readonly rows: readonly Row[];
  readonly isPinned: boolean;
  readonly key: string | null;
}

export const u32Range = 2 ** 32;

/** The JSON of a body; an empty object for a body that is none. */
const parsed = (text: string): Row => {
  try {
    return JSON.parse(text) as Row;
  } catch {
    return {};
  }
};

const textOf = (value: unknown): string | null => (value === undefined || value === null || value === '' ? null : String(value));

/** Node reads the bytes of a header as Latin-1; where they are UTF-8 the key is the text that was meant. */
const sentText = (header: string): string => {
  const bytes = Buffer.from(header, 'latin1');
  return isUtf8(bytes) ? bytes.toString('utf8') : header;
};

const routingKeyOf = ({ headers }: ReceivedRecord, rows: readonly Row[], rule: Facts['routingKey']): string | null => {
  if (rule === null) return null;
  if ('header' in rule) return textOf(sentText(headers[rule.header] ?? ''));
  return textOf(rows[0]?.[rule.field]);
};

export const receivedOf = (record: ReceivedRecord, { routingKey }: Facts): Received => {
  const { inputs, version } = parsed(record.body);
  const rows = Array.isArray(inputs) ? (inputs as readonly Row[]) : [];
  return { record, rows, isPinned: version !== undefined, key: routingKeyOf(record, rows, routingKey) };
};

/** What the rules make of a request. */
export interface Assigned {
  readonly arm: Arm;
  readonly second: number;
  readonly epoch: number;
  readonly key: string | null;
  readonly draw: number;
  /** T: the weight in force. */
  readonly threshold: number;
}

interface Standing {
  readonly isEligible: boolean;
  readonly isMatched: boolean;
  readonly isPinned: boolean;
  readonly threshold: number;
  readonly draw: number | null;
}

const standingOf = ({ epoch }: AssignedRecord, { record, rows, isPinned, key }: Received, facts: Facts): Standing => ({
  isEligible: rows.every(facts.isEligible),
  isMatched: facts.match.some(({ header, equals }) => record.headers[header] === equals),
  isPinned,
  threshold: Math.ceil((facts.weightHundredthsAt(epoch) * u32Range) / 10_000),
  draw: key === null ? null : murmur3(`${facts.rollout}:${key}`),
});

/** The arm by the rules. Without a key the coin's is taken as it fell. */
const armOf = ({ isEligible, isMatched, isPinned, threshold, draw }: Standing, fell: Arm | null): Arm | null => {
  if (isPinned) return null;
  if (!isEligible) return 'baseline';
  if (isMatched) return 'candidate';
  if (threshold === 0) return 'baseline';
  if (draw === null) return fell;
  return draw < threshold ? 'candidate' : 'baseline';
};

const isEvidence = ({ isEligible, isMatched, isPinned, threshold }: Standing): boolean =>
  isEligible && !isMatched && !isPinned && threshold > 0 && threshold < u32Range;

/** Holds an assignment against the rules. @returns null for a request that is no evidence. @throws Disagreement */
export const assignedBy = (record: AssignedRecord, request: Received, facts: Facts): Assigned | null => {
  const standing = standingOf(record, request, facts);
  const counts = isEvidence(standing);
  demand(counts === (record.second !== null), `a request that is ${counts ? 'evidence was left out' : 'no evidence was counted'}`, record);
  const arm = armOf(standing, record.arm);
  demand(arm === record.arm, `the rules assign ${arm}`, record);
  if (record.second === null || arm === null) return null;
  const isInTime = record.second >= Math.floor(request.record.atMs / 1_000) && record.second <= Math.floor(record.atMs / 1_000);
  demand(isInTime, 'counted in another second than that of its assignment', record);
  return { arm, second: record.second, epoch: record.epoch, key: request.key, draw: standing.draw ?? 0, threshold: standing.threshold };
};

/** How the request of an answer stood before it; `failure` is undefined while the assigned version has not failed, `late` when it answered too late. */
export interface Standed {
  readonly arm: Arm;
  readonly epoch: number;
  readonly failure: string | null | undefined;
}

const holdAnswer = (record: AnsweredRecord, { arm, epoch, failure }: Standed, { baseline, candidate }: Facts): void => {
  const rescued = failure !== undefined && failure !== 'late';
  const { 'x-handoff-arm': toldArm, 'x-handoff-epoch': toldEpoch, 'x-handoff-version': toldVersion } = record.headers;
  const version = arm === 'candidate' && !rescued ? candidate : baseline;
  const holds = [toldArm === arm, toldEpoch === String(epoch), toldVersion === version];
  demand(!holds.includes(false), `the answer for ${arm} in epoch ${epoch} is of ${version}`, record);
  const answer = parsed(record.body);
  demand(answer.rescued === rescued && answer.arm === arm, `rescued is ${rescued}`, record);
  demand(arm === 'candidate' || !rescued, 'a baseline is never rescued', record);
};

/** The events of a request: its arm's failure, and what the answer that came says, whoever gave it. @throws Disagreement */
export const eventsOf = (record: AnsweredRecord, standed: Standed, facts: Facts): readonly string[] => {
  const { failure } = standed;
  const isAnswered = record.status === 200;
  if (isAnswered) holdAnswer(record, standed, facts);
  else demand(failure !== undefined, 'no answer, and no failure', record);
  const { outputs } = isAnswered ? parsed(record.body) : {};
  const rows = Array.isArray(outputs) ? (outputs as readonly Row[]) : [];
  const flagged = facts.watchedOutputs.flatMap((name, index) => (rows.some((row) => row[name] === true) ? [`flagged ${index}`] : []));
  if (failure === undefined) return flagged;
  return [failure === 'breach' ? 'breach' : 'error', ...flagged];
};
