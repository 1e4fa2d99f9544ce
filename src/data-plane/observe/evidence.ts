/**
 * The integer counters from which the engine judges a rollout. A unit is counted when it is assigned and again when its
 * end is known, for the second and the arm of its assignment, whatever happened in between. Memory is a few numbers a
 * second and weight until the engine has taken them, and filters of fixed size for the keys.
 */
import { outcomeBucketOf } from '../../bundle/outcome-window.ts';
import type { FilterChange, KeptFilter, Observation, PairExample } from '../../store/observation.ts';
import type { PairRequest, PendingPair, PendingSelfPair } from '../comparison/pair-counters.ts';
import type { KeyHash } from './key-hash.ts';
import { createRolloutCells, type Events, type RolloutCells, type UnitCell, type Writable } from './rollout-cells.ts';

/** How a request ended for the arm that it was assigned to. */
export interface UnitEnd {
  /** The assigned version gave no answer: exception, timeout, open breaker, full queue or lost worker. */
  readonly error: boolean;
  /** Its output was rejected; not also an error. */
  readonly breach: boolean;
  /** Of the answer that the caller got, whoever gave it. */
  readonly abstained: boolean;
  /** By index of the watched output: true in at least one row. */
  readonly flagged: (output: number) => boolean;
  /** Where the request is found in logs and traces; absent in a rehearsal. */
  readonly requestId?: string | undefined;
}

/** An evidence request: eligible, neither matched nor pinned, at a weight that gives both arms a chance. */
export interface EvidenceRequest {
  readonly rollout: string;
  /** T, an integer between 0 and 2^32: the weight in force. */
  readonly threshold: number;
  readonly arm: 'baseline' | 'candidate';
  readonly watchedOutputs: number;
  /** Wall time of the assignment, milliseconds: the one that its prediction id carries. */
  readonly assignedAtMs: number;
  /** Hash and draw of the routing key; null for an independent draw. */
  readonly keyed: { readonly key: KeyHash; readonly draw: number } | null;
}

/** A request whose end is not known yet; null in `Evidence.begin` when nothing of it counts. */
export interface PendingUnit {
  /** Is this request evidence itself (`unit`), or may only its first event be (`later`)? */
  readonly evidence: 'unit' | 'later';
  /** The recorded probability of a unit; null for a later request of a key. */
  readonly probability: number | null;
  /** The second in which it counts, on the monotonic clock. */
  readonly second: number;
  readonly end: (end: UnitEnd) => void;
  /** The request said nothing about either arm after all: an image that does not decode. */
  readonly withdraw: () => void;
}

export interface Evidence {
  readonly begin: (request: EvidenceRequest) => PendingUnit;
  readonly eligibility: (rollout: string, eligible: boolean) => void;
  /** A pair of both versions begins: from now on it counts. */
  readonly beginPair: (request: RolloutPairRequest) => PendingPair;
  readonly beginSelfPair: (request: RolloutPairRequest) => PendingSelfPair;
  readonly keepExample: (rollout: string, example: PairExample) => void;
  /** Says from now on why the requests of a rollout cannot be compared; before, none can. */
  readonly compareWith: (rollout: string, lacks: () => string | null) => void;
  /** What was counted and not yet forgotten. The caller gets copies. */
  readonly observe: (rollout: string) => Observation;
  /** Drops the seconds before this one: the engine has kept them. */
  readonly forgetBefore: (rollout: string, second: number) => void;
  /** Drops a rollout that has ended. */
  readonly forget: (rollout: string) => void;
  /** An earlier life has seen keys of this rollout that this one does not know: no key can be called new. */
  readonly disownKeys: (rollout: string) => void;
  /**
   * Gives a rollout the key filters of an earlier life. Does nothing once keys were looked up: call it before the first request.
   * @param hashedBy names the secret with which keys are hashed now; filters of another one are lost
   */
  readonly restoreKeys: (rollout: string, kept: readonly KeptFilter[], hashedBy: string) => void;
  /** Whether filters of an earlier life were there. */
  readonly hasEarlierKeys: (rollout: string) => boolean;
  /** These changes are in the store. */
  readonly keysKept: (rollout: string, filters: readonly FilterChange[]) => void;
}

/** A pair of a rollout that begins. */
export interface RolloutPairRequest extends PairRequest {
  readonly rollout: string;
}

const u32Range = 2 ** 32;

const noEvents = (outputs: number) => ({ errors: 0, breaches: 0, abstained: 0, flagged: new Array<number>(outputs).fill(0) });

type Counts = (kind: string, end: UnitEnd) => boolean;

/** Adds the events of one request; `counts` says for each kind whether it does. */
const addEvents = (cell: Writable<Events>, end: UnitEnd, counts: Counts): void => {
  if (end.error && counts('error', end)) cell.errors += 1;
  if (end.breach && counts('breach', end)) cell.breaches += 1;
  if (end.abstained && counts('abstained', end)) cell.abstained += 1;
  addFlagged(cell, end, counts);
};

const addFlagged = (cell: Writable<Events>, end: UnitEnd, counts: Counts): void => {
  for (let output = 0; output < cell.flagged.length; output += 1) {
    if (end.flagged(output) && counts(`flagged ${output}`, end)) cell.flagged[output] = (cell.flagged[output] ?? 0) + 1;
  }
};

/** Ten times as fast as `structuredClone`, once a second for every cell. */
const copyOf = <Cell extends { readonly flagged: readonly number[] }>(cell: Cell): Cell => ({ ...cell, flagged: [...cell.flagged] });

const always = (): boolean => true;

interface Place {
  readonly second: number;
  readonly w: number;
  readonly arm: 'baseline' | 'candidate';
  readonly bucket?: number;
}

/** The cell of a place, made when missing. The current second's are at the end of the list, one or two a weight. */
const cellOf = <At extends Place, Cell extends At>(cells: Cell[], place: At, make: (place: At) => Cell): Cell => {
  for (let index = cells.length - 1; index >= 0; index -= 1) {
    const cell = cells[index];
    if (cell === undefined || cell.second < place.second) break;
    if (cell.arm === place.arm && cell.w === place.w && cell.bucket === place.bucket) return cell;
  }
  const cell = make(place);
  cells.push(cell);
  return cell;
};

/** The cell in which a unit counts. */
const unitCellOf = ({ units }: RolloutCells, { arm, assignedAtMs, watchedOutputs }: EvidenceRequest, at: Pick<Place, 'second' | 'w'>): UnitCell =>
  cellOf(units, { second: at.second, w: at.w, arm, bucket: outcomeBucketOf(assignedAtMs) }, (place) => ({
    ...place,
    n: 0,
    done: 0,
    ...noEvents(watchedOutputs),
  }));

/** @param incarnation names this life of the process */
export const createEvidence = ({ monotonicMs, incarnation }: { readonly monotonicMs: () => number; readonly incarnation: string }): Evidence => {
  const rollouts = new Map<string, RolloutCells>();
  const nowSecond = (): number => Math.floor(monotonicMs() / 1_000);

  const rolloutOf = (rollout: string): RolloutCells => {
    const kept = rollouts.get(rollout);
    if (kept !== undefined) return kept;
    const made = createRolloutCells([], '');
    rollouts.set(rollout, made);
    return made;
  };

  return {
    begin: (request) => {
      const rollout = rolloutOf(request.rollout);
      const second = nowSecond();
      const unitW = probabilityOf(request, rollout);
      const unit = unitW === null ? null : unitCellOf(rollout, request, { second, w: unitW });
      const first = beginFirstEvent(request, rollout, second);
      if (unit !== null) unit.n += 1;
      return {
        evidence: unit === null ? 'later' : 'unit',
        probability: unitW,
        second,
        end: (end) => {
          if (unit !== null) {
            unit.done += 1;
            addEvents(unit, end, request.arm === 'candidate' ? rollout.unitExamples.keep : always);
          }
          first?.end(end);
        },
        withdraw: () => {
          if (unit !== null) unit.n -= 1;
          first?.withdraw();
        },
      };
    },
    ...pairEvidence(rolloutOf, nowSecond),
    eligibility: (rollout, eligible) => {
      const cells = rolloutOf(rollout);
      if (eligible) cells.eligible += 1;
      else cells.ineligible += 1;
    },
    observe: (rollout) => {
      const { units, firstEvents, pairs, unitExamples, lacks, filters, knowsKeys, eligible, ineligible } = rolloutOf(rollout);
      const copies = { counts: units.map(copyOf), firstEvents: firstEvents.map(copyOf), ...pairs.observe(), notCompared: lacks(), filters: filters.changes() };
      return { rollout, incarnation, nowSecond: nowSecond(), ...copies, unitExamples: unitExamples.observe(), knowsKeys, eligible, ineligible };
    },
    forgetBefore: (rollout, second) => {
      const kept = rolloutOf(rollout);
      kept.units = kept.units.filter((cell) => cell.second >= second);
      kept.firstEvents = kept.firstEvents.filter((cell) => cell.second >= second);
      kept.pairs.forgetBefore(second);
    },
    forget: (rollout) => void rollouts.delete(rollout),
    ...keysOf(rollouts, rolloutOf),
  };
};

/** From now on the filters stay: a pair that has begun must end in the counters in which it began. */
const settled = (cells: RolloutCells): RolloutCells => {
  cells.hasLookedUp = true;
  return cells;
};

const pairEvidence = (
  rolloutOf: (rollout: string) => RolloutCells,
  nowSecond: () => number,
): Pick<Evidence, 'beginPair' | 'beginSelfPair' | 'keepExample' | 'compareWith'> => ({
  beginPair: ({ rollout, ...request }) => settled(rolloutOf(rollout)).pairs.begin(request, nowSecond()),
  beginSelfPair: ({ rollout, ...request }) => settled(rolloutOf(rollout)).pairs.beginSelf(request, nowSecond()),
  keepExample: (rollout, example) => rolloutOf(rollout).pairs.keepExample(example),
  compareWith: (rollout, lacks) => {
    rolloutOf(rollout).lacks = lacks;
  },
});

/** What is done with the key filters of rollouts. */
const keysOf = (
  rollouts: Map<string, RolloutCells>,
  rolloutOf: (rollout: string) => RolloutCells,
): Pick<Evidence, 'disownKeys' | 'restoreKeys' | 'hasEarlierKeys' | 'keysKept'> => ({
  disownKeys: (rollout) => {
    const cells = rolloutOf(rollout);
    cells.knowsKeys = false;
    cells.pairs.disownKeys();
  },
  restoreKeys: (rollout, kept, hashedBy) => {
    const before = rollouts.get(rollout);
    if (before?.hasLookedUp) return;
    const made = createRolloutCells(kept, hashedBy);
    const { units, firstEvents, unitExamples, lacks, eligible, ineligible } = before ?? made;
    rollouts.set(rollout, { ...made, units, firstEvents, unitExamples, lacks, eligible, ineligible });
  },
  hasEarlierKeys: (rollout) => rolloutOf(rollout).hasEarlierKeys,
  keysKept: (rollout, filters) => rolloutOf(rollout).filters.kept(filters),
});

/** The exact probability with which this unit went to the candidate; null when the request is no unit. */
const probabilityOf = ({ threshold, keyed }: EvidenceRequest, rollout: RolloutCells): number | null => {
  if (keyed === null) return threshold / u32Range;
  return rollout.knowsKeys ? settled(rollout).seen.count(keyed, threshold) : null;
};

/** Follows a keyed request until it is known whether it was its key's first event of some kind. */
const beginFirstEvent = ({ keyed, threshold, arm, watchedOutputs }: EvidenceRequest, { firstEvents, eventKeys, knowsKeys }: RolloutCells, second: number) => {
  if (keyed === null || !knowsKeys) return null;
  const cell = cellOf(firstEvents, { second, w: threshold / u32Range, arm }, (place) => ({ ...place, pending: 0, ...noEvents(watchedOutputs) }));
  cell.pending += 1;
  return {
    end: (end: UnitEnd): void => {
      cell.pending -= 1;
      addEvents(cell, end, (kind) => eventKeys.of(kind).isFirst(keyed.key));
    },
    withdraw: (): void => {
      cell.pending -= 1;
    },
  };
};
