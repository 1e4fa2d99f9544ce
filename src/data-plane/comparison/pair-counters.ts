/**
 * What a pair does to the counters, apart from the process that runs it. A pair is counted in the second in which it
 * begins and again when both of its runs are known; what has begun always counts. Memory: a second has at most as many
 * latency cells as pairs, and the seconds go when the engine has taken them.
 */
import { versionsProbability } from '../../pair-sampling.ts';
import type { ComparedOutputs, PairExample, SecondPairs } from '../../store/observation.ts';
import { createFirstEventKeys, type FirstEventKeys } from '../observe/first-event-keys.ts';
import { createKeyFilter, firstEventsSize, type KeyFilter, seenKeysSize } from '../observe/key-filter.ts';
import type { KeyHash } from '../observe/key-hash.ts';

/** How one run of a pair ended. */
export interface RunOutcome {
  /** Log bucket of its time; the top one for a run that passed its deadline or whose process died. */
  readonly bucket: number;
  /** No output: it threw, passed its deadline, or its process died. */
  readonly error: boolean;
  /** Its output was rejected; not also an error. */
  readonly breach: boolean;
}

/** How a pair ended. */
export interface PairOutcome {
  readonly baseline: RunOutcome;
  readonly candidate: RunOutcome;
  /** One entry a difference rule; null when the two outputs could not be compared. */
  readonly differ: readonly boolean[] | null;
}

/** A pair that begins. */
export interface PairRequest {
  /** Hash of the routing key; null for a request without. */
  readonly key: KeyHash | null;
  /** How many difference rules the rollout has. */
  readonly differences: number;
}

/** A pair whose runs are not both known yet. */
export interface PendingPair {
  /** The second in which it counts. */
  readonly second: number;
  readonly end: (outcome: PairOutcome) => void;
  /** The request said nothing about either version after all: neither can read its image. */
  readonly withdraw: () => void;
}

/** A pair of two runs of the baseline that are not both known yet. */
export interface PendingSelfPair {
  /** The second in which it counts. */
  readonly second: number;
  /** @param differ one entry a difference rule; null when there were no two outputs */
  readonly end: (differ: PairOutcome['differ']) => void;
  /** As of a pair of both versions. */
  readonly withdraw: () => void;
}

/** The keys that were in a pair of both versions, and of the baseline with itself. */
export interface PairKeys {
  readonly pairs: KeyFilter;
  readonly self: KeyFilter;
}

/** What the pairs of one rollout have shown. */
export interface PairCounters {
  readonly begin: (request: PairRequest, second: number) => PendingPair;
  /** Begins a pair of the baseline with itself. */
  readonly beginSelf: (request: PairRequest, second: number) => PendingSelfPair;
  readonly keepExample: (example: PairExample) => void;
  /** The seconds that are kept, oldest first, and the examples. The caller gets copies. */
  readonly observe: () => { readonly pairs: readonly SecondPairs[]; readonly examples: readonly PairExample[] };
  readonly forgetBefore: (second: number) => void;
  /** Keys of an earlier life are not known: the pairs of keyed requests count for latency alone from now on. */
  readonly disownKeys: () => void;
}

/** What an operator reads at night; the log has all of them. */
const examplesKept = 16;

type Counts = Writable<SecondPairs['counted']>;
type Compared = Writable<ComparedOutputs>;
type Writable<T> = T extends number ? number : T extends readonly number[] ? number[] : { -readonly [K in keyof T]: Writable<T[K]> };

interface PairCell {
  readonly second: number;
  n: number;
  done: number;
  /** Entries are replaced, never changed, so that a copy of the list is a copy of all. */
  readonly latency: SecondPairs['latency'][number][];
  readonly counted: Counts;
  readonly versions: Compared;
  readonly itself: Compared;
}

const noEvents = () => ({ both: 0, candidateOnly: 0, baselineOnly: 0, neither: 0 });
const noneCompared = (rules: number): Compared => ({ n: 0, done: 0, differ: new Array<number>(rules).fill(0) });

const createCell = (second: number, differences: number): PairCell => ({
  second,
  n: 0,
  done: 0,
  latency: [],
  counted: { n: 0, done: 0, errors: noEvents(), breaches: noEvents() },
  versions: noneCompared(differences),
  itself: noneCompared(differences),
});

/** Makes the counters of one rollout over filters of its keys, which are kept with the others. */
export const createPairCounters = (filters: PairKeys = { pairs: createKeyFilter(seenKeysSize), self: createKeyFilter(firstEventsSize) }): PairCounters => {
  let cells: PairCell[] = [];
  const examples: PairExample[] = [];
  const keys = createFirstEventKeys(filters.pairs);
  const selfKeys = createFirstEventKeys(filters.self);
  let knowsKeys = true;

  const cellOf = (second: number, { differences }: PairRequest): PairCell => {
    const last = cells.at(-1);
    if (last?.second === second) return last;
    const made = createCell(second, differences);
    cells.push(made);
    return made;
  };
  /** The same user differs again, from itself too. Asked before the key is entered: whether a request counts must not depend on the coin. */
  const isComparedFirst = ({ key, differences }: PairRequest): boolean =>
    differences > 0 && (key === null || (knowsKeys && keys.isNew(key) && selfKeys.isNew(key)));
  const isFirst = ({ key }: PairRequest, once: FirstEventKeys): boolean => key === null || (knowsKeys && once.isFirst(key));

  return {
    begin: (request, second) => {
      const cell = cellOf(second, request);
      const compared = isComparedFirst(request) ? cell.versions : null;
      return beginPair(cell, { counted: isFirst(request, keys) ? cell.counted : null, compared });
    },
    beginSelf: (request, second) => {
      const compared = isComparedFirst(request) ? cellOf(second, request).itself : null;
      isFirst(request, selfKeys);
      return beginSelfPair(second, compared);
    },
    keepExample: (example) => {
      examples.push(example);
      if (examples.length > examplesKept) examples.shift();
    },
    observe: () => ({ pairs: cells.map(copyOf), examples: [...examples] }),
    forgetBefore: (second) => {
      cells = cells.filter((cell) => cell.second >= second);
    },
    disownKeys: () => {
      knowsKeys = false;
    },
  };
};

/** A pair of both versions that counts in its cell from now on, and in what else its key lets it count. */
const beginPair = (cell: PairCell, { counted, compared }: { readonly counted: Counts | null; readonly compared: Compared | null }): PendingPair => {
  const begin = (by: 1 | -1): void => {
    cell.n += by;
    if (counted !== null) counted.n += by;
    if (compared !== null) compared.n += by;
  };
  begin(1);
  return {
    second: cell.second,
    end: (outcome) => {
      cell.done += 1;
      addLatency(cell.latency, outcome);
      if (counted !== null) addEvents(counted, outcome);
      if (compared !== null) addDifferences(compared, outcome.differ);
    },
    withdraw: () => begin(-1),
  };
};

const beginSelfPair = (second: number, compared: Compared | null): PendingSelfPair => {
  if (compared === null) return { second, end: () => undefined, withdraw: () => undefined };
  compared.n += 1;
  return {
    second,
    end: (differ) => addDifferences(compared, differ),
    withdraw: () => {
      compared.n -= 1;
    },
  };
};

const copyOf = ({ latency, counted, versions, itself, ...numbers }: PairCell): SecondPairs => ({
  ...numbers,
  latency: [...latency],
  counted: { ...counted, errors: { ...counted.errors }, breaches: { ...counted.breaches } },
  differences: { w: versionsProbability, versions: { ...versions, differ: [...versions.differ] }, itself: { ...itself, differ: [...itself.differ] } },
});

const addLatency = (latency: PairCell['latency'], { baseline, candidate }: PairOutcome): void => {
  const index = latency.findIndex(([left, right]) => left === baseline.bucket && right === candidate.bucket);
  const known = latency[index]?.[2] ?? 0;
  latency.splice(index === -1 ? latency.length : index, 1, [baseline.bucket, candidate.bucket, known + 1]);
};

const cellName = (baseline: boolean, candidate: boolean): keyof ReturnType<typeof noEvents> => {
  if (candidate) return baseline ? 'both' : 'candidateOnly';
  return baseline ? 'baselineOnly' : 'neither';
};

const addEvents = (counted: Counts, { baseline, candidate }: PairOutcome): void => {
  counted.done += 1;
  counted.errors[cellName(baseline.error, candidate.error)] += 1;
  counted.breaches[cellName(baseline.breach, candidate.breach)] += 1;
};

const addDifferences = (compared: Compared, differ: PairOutcome['differ']): void => {
  compared.done += 1;
  for (const [index, differs] of (differ ?? []).entries()) if (differs) compared.differ[index] = (compared.differ[index] ?? 0) + 1;
};
