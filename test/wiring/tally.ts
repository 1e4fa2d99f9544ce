/** From raw records to counts, second by second, by the published rules. A record that holds against them by itself is thrown as a disagreement. */
import { type AnsweredRecord, type AssignedRecord, assignedBy, demand, eventsOf, type Facts, type Received, receivedOf } from './assignment-rules.ts';
import { beginRequest, type CountedPair, endRequest, isFirst, isNew, type Keys, type OpenRequest, type SecondTally, withdrawRequest } from './cells.ts';
import { createKeyOf } from './hashes.ts';
import type { PairRecord, RawRecord, RawRun } from './raw-log.ts';

/** Requests by how they counted: for tests that must not be empty. */
export interface Seen {
  units: number;
  /** Of keys that told nothing new. */
  later: number;
  noEvidence: number;
  /** Answered without an assignment: shed, or refused. */
  unassigned: number;
  rescued: number;
  /** Answered after the time at which an attempt has failed. */
  late: number;
  /** Assigned, and no answer was given. */
  unanswered: number;
  /** Whose callers had gone away before the answer. */
  gone: number;
}

export const nothingSeen = (): Seen => ({ units: 0, later: 0, noEvidence: 0, unassigned: 0, rescued: 0, late: 0, unanswered: 0, gone: 0 });

export interface Tally {
  /** Takes the next record of a life. @throws Disagreement */
  readonly take: (record: RawRecord) => void;
  readonly seconds: ReadonlyMap<number, SecondTally>;
  readonly seen: Seen;
}

interface Counting {
  readonly facts: Facts;
  readonly keys: Keys;
  readonly keyOf: ReturnType<typeof createKeyOf>;
  readonly received: Map<string, Received>;
  readonly open: Map<string, OpenRequest>;
  readonly seconds: Map<number, SecondTally>;
  /** The pairs among which each pair is. */
  readonly pairsOf: Map<string, SecondTally['pairs']>;
  readonly seen: Seen;
}

const secondOf = ({ seconds }: Counting, second: number): SecondTally => {
  const known = seconds.get(second) ?? { units: [], firstEvents: [], pairs: new Map() };
  seconds.set(second, known);
  return known;
};

const takeAssigned = (counting: Counting, record: AssignedRecord): void => {
  const { facts, keys, keyOf, received, open, seen } = counting;
  if (record.rollout !== facts.rollout) return;
  const request = received.get(record.requestId);
  demand(request !== undefined, 'an assignment of a request that nobody has sent', record);
  const assigned = request === undefined ? null : assignedBy(record, request, facts);
  if (assigned === null) {
    seen.noEvidence += 1;
    return;
  }
  const begun = beginRequest(secondOf(counting, assigned.second), assigned, { keys, key: assigned.key === null ? null : keyOf(assigned.key) });
  open.set(record.requestId, begun);
  seen[begun.unit === null ? 'later' : 'units'] += 1;
};

const takeAnswered = ({ facts, keys, open, seen }: Counting, record: AnsweredRecord): void => {
  if (record.gone) seen.gone += 1;
  const request = open.get(record.id);
  open.delete(record.id);
  if (request === undefined) seen.unassigned += 1;
  else if (record.status === 400) withdrawRequest(request);
  else {
    endRequest(request, eventsOf(record, request, facts), keys);
    if (record.status !== 200) seen.unanswered += 1;
    else if (request.failure === 'late') seen.late += 1;
    else if (request.failure !== undefined) seen.rescued += 1;
  }
};

const bucketWidth = Math.log(1.1) / 5;
const topBucket = 1002;

const sideOf = (run: RawRun, deadlineMs: number) => {
  if (run === 'lost' || run.us >= deadlineMs * 1_000) return { bucket: topBucket, error: true, breach: false };
  const bucket = run.us <= 1 ? 0 : Math.min(topBucket, Math.floor(Math.log(run.us) / bucketWidth));
  return { bucket, error: run.result === 'error' || run.result === 'unreadable', breach: run.result === 'breach' };
};

const isUnreadable = (run: RawRun | undefined): boolean => typeof run === 'object' && run.result === 'unreadable';

const beginPair = (counting: Counting, { requestId, order, second }: PairRecord): void => {
  const { keys, keyOf, received, pairsOf } = counting;
  const isSelf = order[0] === order[1];
  const named = received.get(requestId)?.key ?? null;
  const key = named === null ? null : keyOf(named);
  const comparedFirst = key === null || (isNew(keys.pairs, key) && isNew(keys.selfPairs, key));
  const counts = key === null || isFirst(isSelf ? keys.selfPairs : keys.pairs, key);
  const { pairs } = secondOf(counting, second ?? Number.NaN);
  pairs.set(requestId, { isSelf, counts, comparedFirst, runs: null, differ: null, ended: false });
  pairsOf.set(requestId, pairs);
};

const endedPair = (pair: CountedPair, { runs, differ = null }: PairRecord, deadlineMs: number): CountedPair => {
  if (runs === null || runs === undefined) return { ...pair, ended: true, differ };
  const sides = { baseline: sideOf(runs.baseline, deadlineMs), candidate: sideOf(runs.candidate, deadlineMs) };
  const bothAnswered = !Object.values(sides).some(({ error, breach }) => error || breach);
  return { ...pair, ended: true, runs: sides, differ: bothAnswered ? differ : null };
};

const takePair = (counting: Counting, record: PairRecord): void => {
  if (record.rollout !== counting.facts.rollout) return;
  if (record.is === 'begun') {
    beginPair(counting, record);
    return;
  }
  const pairs = counting.pairsOf.get(record.requestId);
  const pair = pairs?.get(record.requestId);
  demand(pair !== undefined, 'the end of a pair that has not begun', record);
  if (pairs === undefined || pair === undefined) return;
  // What neither version can read says nothing about either.
  if (isUnreadable(record.runs?.baseline) && isUnreadable(record.runs?.candidate)) pairs.delete(record.requestId);
  else pairs.set(record.requestId, endedPair(pair, record, counting.facts.deadlineMs));
};

const takeFailed = ({ open }: Counting, requestId: string, failure: string | null): void => {
  const request = open.get(requestId);
  if (request !== undefined && request.failure === undefined) request.failure = failure;
};

const takeRecord = (counting: Counting, record: RawRecord): void => {
  if (record.kind === 'received') counting.received.set(record.id, receivedOf(record, counting.facts));
  else if (record.kind === 'assigned') takeAssigned(counting, record);
  else if (record.kind === 'failed') takeFailed(counting, record.requestId, record.failure);
  else if (record.kind === 'answered') takeAnswered(counting, record);
  else if (record.kind === 'pair') takePair(counting, record);
};

/** @param keys is changed: what the life enters stays entered */
export const createTally = (facts: Facts, keys: Keys): Tally => {
  const maps = { received: new Map(), open: new Map(), seconds: new Map(), pairsOf: new Map() };
  const counting: Counting = { facts, keys, keyOf: createKeyOf(facts.predictionKey), seen: nothingSeen(), ...maps };
  return { take: (record) => takeRecord(counting, record), seconds: counting.seconds, seen: counting.seen };
};
