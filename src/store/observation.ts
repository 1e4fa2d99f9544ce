/** The message from the data plane to the control plane. The planes never import each other: they share this and `traffic-assignment.ts`. */

/** Up: the counts of the evidence requests that were assigned in one second, with one exact probability, to one arm. Integers that only grow. */
export interface SecondCounts {
  /** Whole seconds of the monotonic clock of the incarnation. */
  readonly second: number;
  /** Probability with which the unit went to the candidate, given what was known before. */
  readonly w: number;
  readonly arm: 'baseline' | 'candidate';
  /** Whole hours since the epoch, of the wall time that the prediction ids of these units carry: outcomes are counted by it. */
  readonly bucket: number;
  /** Units assigned. */
  readonly n: number;
  /** Units whose end is known. */
  readonly done: number;
  readonly errors: number;
  readonly breaches: number;
  readonly abstained: number;
  /** Units with at least one row in which the output was true, in the order of the rollout's watched outputs. */
  readonly flagged: readonly number[];
}

/** Up: first events of routing keys, by the weight in force at the event and the arm. */
export interface FirstEventCounts {
  readonly second: number;
  readonly w: number;
  readonly arm: 'baseline' | 'candidate';
  /** Keyed requests that may still turn out to be their key's first event. */
  readonly pending: number;
  readonly errors: number;
  readonly breaches: number;
  readonly abstained: number;
  readonly flagged: readonly number[];
}

/** Up: pairs by which of the two runs had the event. Integers. */
export interface PairedEvents {
  readonly both: number;
  readonly candidateOnly: number;
  readonly baselineOnly: number;
  readonly neither: number;
}

/** Up: compared requests that were run by both versions, or twice by the baseline. */
export interface ComparedOutputs {
  /** Begun. */
  readonly n: number;
  /** Of which both runs are known. */
  readonly done: number;
  /** Finished ones with two outputs that differ, one entry a difference rule. Without an output on both sides nothing differs. */
  readonly differ: readonly number[];
}

/** Up: the pairs of the comparison process that began in one second. Integers that only grow. */
export interface SecondPairs {
  readonly second: number;
  /** Pairs begun. */
  readonly n: number;
  /** Pairs of which both runs are known. */
  readonly done: number;
  /** Finished pairs: [bucket of the baseline's run, bucket of the candidate's, how many]. */
  readonly latency: readonly (readonly [baseline: number, candidate: number, pairs: number])[];
  /** The pairs that count for errors and breaches: of keyed requests a key's first one alone. */
  readonly counted: { readonly n: number; readonly done: number; readonly errors: PairedEvents; readonly breaches: PairedEvents };
  /** The requests that count for differences, of keyed ones a key's first alone, by which of the two the coin made of them. */
  readonly differences: {
    /** Probability of a pair of both versions. */
    readonly w: number;
    readonly versions: ComparedOutputs;
    /** Of the baseline with itself; not among the pairs above. */
    readonly itself: ComparedOutputs;
  };
}

/** Up: a request on which a pair showed something against one version, or a difference. */
export interface PairExample {
  readonly kind: 'error' | 'breach' | 'difference';
  readonly arm: 'baseline' | 'candidate' | null;
  readonly requestId: string;
}

/** Up: a request of the candidate that had an event: `error`, `breach`, `abstained` or `flagged N`, N the index of the watched output. */
export interface UnitExample {
  readonly event: string;
  /** As in the answer's header and in the log: the caller's, of at most 128 letters, digits and `._-`, or a new one. */
  readonly requestId: string;
}

/** A part of a filter's bits, which stand in the order of its pages. */
export interface FilterChunk {
  /** 0-based, in units of the chunk's length. */
  readonly index: number;
  readonly bytes: Uint8Array;
}

/** Up: what a key filter has got since it was kept last: the entries to enter again after what is kept, or anew all that changed. */
export type FilterChange = { readonly name: string /** Entries that the filter has had when this is kept. */; readonly upTo: number } & (
  | { readonly kind: 'entries'; readonly entries: Uint8Array }
  | { readonly kind: 'snapshot'; readonly size: string /** The chunks that changed since the last snapshot. */; readonly chunks: readonly FilterChunk[] }
);

/** A key filter as it is kept: the chunks that are not all zeros, and the entries since, in their order. */
export interface KeptFilter {
  readonly name: string;
  /** Size and state of the filter as JSON, at its last snapshot. */
  readonly size: string;
  readonly chunks: readonly FilterChunk[];
  readonly entries: readonly Uint8Array[];
}

/** Up: what one life of a process has counted of one rollout. Cumulative for each second, so a repeated or lost message harms nothing. */
export interface Observation {
  readonly rollout: string;
  /** One life of one process: seconds of different incarnations are different seconds. */
  readonly incarnation: string;
  /** The second that is being counted; earlier ones get no new units. */
  readonly nowSecond: number;
  readonly counts: readonly SecondCounts[];
  readonly firstEvents: readonly FirstEventCounts[];
  readonly pairs: readonly SecondPairs[];
  /** Why no request can be compared now, in words; null while they can. */
  readonly notCompared: string | null;
  /** The last few, newest last. */
  readonly examples: readonly PairExample[];
  /** The last few of each event in this life, newest last. */
  readonly unitExamples: readonly UnitExample[];
  /** What the rollout's key filters have got that is not kept yet, at the very moment of the counts. */
  readonly filters: readonly FilterChange[];
  /** False when keys were seen in an earlier life that this one does not know: their requests are then no evidence. */
  readonly knowsKeys: boolean;
  /** Requests that satisfied both contracts, and those that satisfied the baseline's alone, in this life. */
  readonly eligible: number;
  readonly ineligible: number;
}
