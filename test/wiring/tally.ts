/**
 * From raw records to counts, second by second, by the published rules: which request is a unit and with what probability, which key counts, how a
 * request ended for its arm, what a pair showed. A record that holds against the rules by itself (another arm than the draw's, an answer of the
 * wrong version) is thrown as a disagreement.
 */
import { createFilter, createKeyOf, type Filter, type Key, murmur3 } from './hashes.ts';
import type { Arm, PairRecord, RawRecord, RawRun } from './raw-log.ts';

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
  readonly isEligible: (row: Readonly<Record<string, unknown>>) => boolean;
  readonly deadlineMs: number;
  readonly predictionKey: Buffer;
}

export class Disagreement extends Error {}

const demand = (holds: boolean, what: string, record: RawRecord): void => {
  if (!holds) throw new Disagreement(`${what}: ${JSON.stringify(record).slice(0, 400)}`);
};

const u32Range = 2 ** 32;

/** How a request ended: its events by kind. */
type EventKind = string;

interface UnitCell {
  readonly w: number;
  readonly arm: Arm;
  n: number;
  done: number;
  readonly events: Map<EventKind, number>;
}

interface FirstEventCell {
  readonly w: number;
  readonly arm: Arm;
  pending: number;
  readonly events: Map<EventKind, number>;
}

/** A pair of both versions, or of the baseline with itself. */
export interface CountedPair {
  readonly isSelf: boolean;
  /** Whether it counts for errors, breaches and differences: its key is new to the pairs. */
  readonly counts: boolean;
  readonly runs: Readonly<Record<Arm, { readonly bucket: number; readonly error: boolean; readonly breach: boolean }>> | null;
  readonly differ: readonly boolean[] | null;
  readonly ended: boolean;
}

export interface SecondTally {
  readonly units: UnitCell[];
  readonly firstEvents: FirstEventCell[];
  readonly pairs: Map<string, CountedPair>;
}

/** The keys that were seen, which live as long as the rollout. */
export interface Keys {
  readonly seen: Filter;
  readonly pairs: Filter;
  readonly selfPairs: Filter;
  readonly firstEvents: Map<EventKind, Filter>;
}

export const noKeys = (): Keys => ({ seen: createFilter(23), pairs: createFilter(23), selfPairs: createFilter(20), firstEvents: new Map() });

interface Received {
  readonly record: Extract<RawRecord, { readonly kind: 'received' }>;
  readonly rows: readonly Readonly<Record<string, unknown>>[];
  readonly isPinned: boolean;
  readonly key: string | null;
}

interface Open {
  readonly arm: Arm;
  readonly epoch: number;
  readonly unit: UnitCell | null;
  readonly first: FirstEventCell | null;
  readonly key: Key | null;
  /** undefined: the assigned version has not failed. */
  failure: string | null | undefined;
}

const bucketWidth = Math.log(1.1) / 5;
const topBucket = 1002;

const sideOf = (run: RawRun, deadlineMs: number) => {
  if (run === 'lost' || run.us >= deadlineMs * 1_000) return { bucket: topBucket, error: true, breach: false };
  const bucket = run.us <= 1 ? 0 : Math.min(topBucket, Math.floor(Math.log(run.us) / bucketWidth));
  return { bucket, error: run.result === 'error' || run.result === 'unreadable', breach: run.result === 'breach' };
};

const isUnreadable = (run: RawRun | undefined): boolean => typeof run === 'object' && run.result === 'unreadable';

/** The first of a key: looked up and entered. */
const isFirst = (filter: Filter, key: Key): boolean => {
  if (!filter.takes(key) || filter.holds(key, 0)) return false;
  filter.enter(key, 0);
  return true;
};

export interface Tally {
  /** Takes the next record of a life. @throws Disagreement */
  readonly take: (record: RawRecord) => void;
  readonly seconds: ReadonlyMap<number, SecondTally>;
  /** Requests by how they counted: for tests that must not be empty. */
  readonly seen: { units: number; later: number; noEvidence: number; unassigned: number; rescued: number; unanswered: number; gone: number };
}

/** @param keys is changed: what the life enters stays entered */
export const createTally = (facts: Facts, keys: Keys): Tally => {
  const received = new Map<string, Received>();
  const open = new Map<string, Open>();
  const seconds = new Map<number, SecondTally>();
  /** Where each pair counts. */
  const pairsOf = new Map<string, SecondTally['pairs']>();
  const seen = { units: 0, later: 0, noEvidence: 0, unassigned: 0, rescued: 0, unanswered: 0, gone: 0 };
  const keyOf = createKeyOf(facts.predictionKey);

  const secondOf = (second: number): SecondTally => {
    const known = seconds.get(second) ?? { units: [], firstEvents: [], pairs: new Map() };
    seconds.set(second, known);
    return known;
  };

  const routingKeyOf = (headers: Readonly<Record<string, string>>, rows: Received['rows']): string | null => {
    const rule = facts.routingKey;
    if (rule === null) return null;
    if ('header' in rule) return headers[rule.header] || null;
    const value = rows[0]?.[rule.field];
    return value === undefined || value === null || value === '' ? null : String(value);
  };

  const takeReceived = (record: Extract<RawRecord, { readonly kind: 'received' }>): void => {
    const body = parsed(record.body);
    const rows = Array.isArray(body.inputs) ? (body.inputs as Received['rows']) : [];
    received.set(record.id, { record, rows, isPinned: body.version !== undefined, key: routingKeyOf(record.headers, rows) });
  };

  /** The exact probability of a unit of a key; null when the key tells nothing new. */
  const probabilityOf = (key: Key, draw: number, threshold: number): number | null => {
    if (!keys.seen.takes(key)) return null;
    const held = keys.seen.highest(key);
    if (threshold <= held || draw < held) return null;
    keys.seen.enter(key, threshold);
    return (threshold - held) / (u32Range - held);
  };

  const takeAssigned = (record: Extract<RawRecord, { readonly kind: 'assigned' }>): void => {
    if (record.rollout !== facts.rollout) return;
    const request = received.get(record.requestId);
    demand(request !== undefined, 'an assignment of a request that nobody has sent', record);
    if (request === undefined) return;
    const threshold = Math.ceil((facts.weightHundredthsAt(record.epoch) * u32Range) / 10_000);
    const isMatched = facts.match.some(({ header, equals }) => request.record.headers[header] === equals);
    const isEligible = request.rows.every(facts.isEligible);
    const isEvidence = isEligible && !isMatched && !request.isPinned && threshold > 0 && threshold < u32Range;
    demand(isEvidence === (record.second !== null), `a request that is ${isEvidence ? 'evidence was left out' : 'no evidence was counted'}`, record);
    const draw = request.key === null ? null : murmur3(`${facts.rollout}:${request.key}`);
    const drawn = draw === null ? record.arm : draw < threshold ? 'candidate' : 'baseline';
    const split = threshold === 0 ? 'baseline' : drawn;
    const arm = request.isPinned ? null : !isEligible ? 'baseline' : isMatched ? 'candidate' : split;
    demand(arm === record.arm, `the rules assign ${arm}`, record);
    if (!isEvidence || record.second === null || record.arm === null) {
      seen.noEvidence += 1;
      return;
    }
    const earliest = Math.floor(request.record.atMs / 1_000);
    demand(record.second >= earliest && record.second <= Math.floor(record.atMs / 1_000), 'counted in another second than that of its assignment', record);
    open.set(record.requestId, begin({ ...record, arm: record.arm, second: record.second }, { key: request.key, draw: draw ?? 0, threshold }));
  };

  const begin = (
    { second, arm, epoch }: { readonly second: number; readonly arm: Arm; readonly epoch: number },
    { key, draw, threshold }: { readonly key: string | null; readonly draw: number; readonly threshold: number },
  ): Open => {
    const hashed = key === null ? null : keyOf(key);
    const w = hashed === null ? threshold / u32Range : probabilityOf(hashed, draw, threshold);
    const cells = secondOf(second);
    const unit = w === null ? null : found(cells.units, { w, arm }, () => ({ w, arm, n: 0, done: 0, events: new Map() }));
    const inForce = threshold / u32Range;
    const first = hashed === null ? null : found(cells.firstEvents, { w: inForce, arm }, () => ({ w: inForce, arm, pending: 0, events: new Map() }));
    if (unit === null) seen.later += 1;
    else {
      unit.n += 1;
      seen.units += 1;
    }
    if (first !== null) first.pending += 1;
    return { arm, epoch, unit, first, key: hashed, failure: undefined };
  };

  const takeAnswered = (record: Extract<RawRecord, { readonly kind: 'answered' }>): void => {
    if (record.gone) seen.gone += 1;
    const unit = open.get(record.id);
    if (unit === undefined) {
      seen.unassigned += 1;
      return;
    }
    open.delete(record.id);
    if (record.status === 400) withdraw(unit);
    else end(unit, eventsOf(record, unit));
  };

  /** The events of a request: of its arm, whoever answered it. */
  const eventsOf = (record: Extract<RawRecord, { readonly kind: 'answered' }>, { arm, epoch, failure }: Open): readonly EventKind[] => {
    const answer = parsed(record.body);
    const isAnswered = record.status === 200;
    const rescued = failure !== undefined;
    if (isAnswered) {
      const told = { arm: record.headers['x-handoff-arm'], epoch: record.headers['x-handoff-epoch'], version: record.headers['x-handoff-version'] };
      const version = arm === 'candidate' && !rescued ? facts.candidate : facts.baseline;
      demand(told.arm === arm && told.epoch === String(epoch) && told.version === version, `the answer of ${arm} in epoch ${epoch} is of ${version}`, record);
      demand(answer.rescued === rescued && answer.arm === arm, `rescued is ${rescued}`, record);
      demand(arm === 'candidate' || !rescued, 'a baseline is never rescued', record);
    } else demand(rescued, 'no answer, and no failure', record);
    if (isAnswered && rescued) seen.rescued += 1;
    if (!isAnswered) seen.unanswered += 1;
    const outputs = isAnswered && Array.isArray(answer.outputs) ? (answer.outputs as readonly Readonly<Record<string, unknown>>[]) : [];
    const flagged = facts.watchedOutputs.flatMap((name, index) => (outputs.some((row) => row[name] === true) ? [`flagged ${index}`] : []));
    if (failure === undefined) return flagged;
    return [failure === 'breach' ? 'breach' : 'error', ...flagged];
  };

  const withdraw = ({ unit, first }: Open): void => {
    if (unit !== null) unit.n -= 1;
    if (first !== null) first.pending -= 1;
  };

  const end = ({ unit, first, key }: Open, events: readonly EventKind[]): void => {
    if (unit !== null) unit.done += 1;
    if (first !== null) first.pending -= 1;
    for (const kind of events) {
      if (unit !== null) unit.events.set(kind, (unit.events.get(kind) ?? 0) + 1);
      if (first === null || key === null) continue;
      const filter = keys.firstEvents.get(kind) ?? createFilter(20);
      keys.firstEvents.set(kind, filter);
      if (isFirst(filter, key)) first.events.set(kind, (first.events.get(kind) ?? 0) + 1);
    }
  };

  const takePair = (record: PairRecord): void => {
    if (record.rollout !== facts.rollout) return;
    const isSelf = record.order[0] === record.order[1];
    if (record.is === 'begun') {
      const { key = null } = received.get(record.requestId) ?? {};
      const counts = key === null || isFirst(isSelf ? keys.selfPairs : keys.pairs, keyOf(key));
      const { pairs } = secondOf(record.second ?? Number.NaN);
      pairs.set(record.requestId, { isSelf, counts, runs: null, differ: null, ended: false });
      pairsOf.set(record.requestId, pairs);
      return;
    }
    const pairs = pairsOf.get(record.requestId);
    const pair = pairs?.get(record.requestId);
    demand(pair !== undefined, 'the end of a pair that has not begun', record);
    if (pairs === undefined || pair === undefined) return;
    // What neither version can read says nothing about either.
    if (isUnreadable(record.runs?.baseline) && isUnreadable(record.runs?.candidate)) pairs.delete(record.requestId);
    else pairs.set(record.requestId, endedPair(pair, record));
  };

  const endedPair = (pair: CountedPair, { runs, differ }: PairRecord): CountedPair => {
    if (pair.isSelf || runs === null || runs === undefined) return { ...pair, ended: true, differ: differ ?? null };
    const baseline = sideOf(runs.baseline, facts.deadlineMs);
    const candidate = sideOf(runs.candidate, facts.deadlineMs);
    const bothAnswered = ![baseline, candidate].some(({ error, breach }) => error || breach);
    return { ...pair, ended: true, runs: { baseline, candidate }, differ: bothAnswered ? (differ ?? null) : null };
  };

  const take = (record: RawRecord): void => {
    switch (record.kind) {
      case 'received':
        return takeReceived(record);
      case 'assigned':
        return takeAssigned(record);
      case 'failed': {
        const unit = open.get(record.requestId);
        if (unit !== undefined && unit.failure === undefined) unit.failure = record.failure;
        return;
      }
      case 'answered':
        return takeAnswered(record);
      case 'pair':
        return takePair(record);
      default:
        return;
    }
  };
  return { take, seconds, seen };
};

const parsed = (text: string): Readonly<Record<string, unknown>> => {
  try {
    return JSON.parse(text) as Readonly<Record<string, unknown>>;
  } catch {
    return {};
  }
};

const found = <Cell extends { readonly w: number; readonly arm: Arm }>(cells: Cell[], place: Pick<Cell, 'w' | 'arm'>, make: () => Cell): Cell => {
  const known = cells.find(({ w, arm }) => w === place.w && arm === place.arm);
  if (known !== undefined) return known;
  const made = make();
  cells.push(made);
  return made;
};
