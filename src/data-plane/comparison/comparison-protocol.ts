/**
 * The messages between the gateway and a comparison process, each a frame that holds a structured clone.
 * gateway -> process: one `load`, then one `pair` at a time. process -> gateway: `loaded` or `refused`, then
 * for each pair one `ran` a run, sent before the next run begins, and with the last one what the outputs say together.
 */
import { deserialize, serialize } from 'node:v8';
import type { ModelContract } from '../../bundle/contract.ts';
import type { Manifest } from '../../bundle/manifest.ts';
import type { DifferenceRule } from '../../store/traffic-assignment.ts';
import type { Row } from '../contract/compile-contract.ts';
import type { AnswerForm } from '../infer-context.ts';
import type { ImageInput } from '../inference/executor.ts';

export type Side = 'baseline' | 'candidate';

/** One version as the process needs it: bytes and declarations, so that decoding, encoding and guarding are done there too. */
export interface ComparedVersion {
  readonly model: Uint8Array;
  readonly image: ImageInput | null;
  readonly contract: ModelContract;
  readonly manifest: Manifest;
  readonly labels: ReadonlyMap<string, readonly string[]>;
  /** Rows that hold, to warm the graph with. */
  readonly warmUp: readonly Row[];
}

/** What a pair runs, in this order: both versions, the baseline twice, or the one run that is left of a pair whose process died. */
export interface PairWork {
  readonly runs: readonly Side[];
  readonly rows: readonly Row[];
  /** As the caller asked for it: rows that cannot say an output are a breach here too. */
  readonly form: AnswerForm['kind'];
  readonly differences: readonly DifferenceRule[];
  /** Send back the two outputs and the input, redacted, if they differ. */
  readonly wantsExample: boolean;
}

/** How one run ended in the process. `unreadable`: its own content cannot be read (an image that does not decode). */
export type RunResult = 'ok' | 'error' | 'breach' | 'unreadable';

export interface Ran {
  readonly result: RunResult;
  /** Time of the run alone, image decoding included, microseconds. */
  readonly us: number;
  /** Why it failed or was rejected; null otherwise. */
  readonly why: string | null;
  /** CPU time that the process has used so far, milliseconds. */
  readonly cpuMs: number;
}

/** Both outputs and the input of the first row that differs, each redacted by the contract's classification. */
export interface DifferingRow {
  readonly baseline: Readonly<Record<string, unknown>>;
  readonly candidate: Readonly<Record<string, unknown>>;
  readonly input: Readonly<Record<string, unknown>>;
}

/** What two outputs say together. */
export interface ComparedOutputs {
  /** One entry a difference rule. */
  readonly differ: readonly boolean[];
  readonly example: DifferingRow | null;
}

export type ToComparison =
  | { readonly kind: 'load'; readonly versions: Readonly<Record<Side, ComparedVersion>> }
  | { readonly kind: 'pair'; readonly id: number; readonly work: PairWork };

export type FromComparison =
  | { readonly kind: 'loaded'; readonly cpuMs: number }
  | { readonly kind: 'refused'; readonly message: string }
  | {
      readonly kind: 'ran';
      readonly id: number;
      readonly ran: Ran /** With the last run, if both gave an output. */;
      readonly compared: ComparedOutputs | null;
    };

/** The one kind of frame. */
export const messageFrame = 1;

export const encodeMessage = (message: ToComparison | FromComparison): Buffer => serialize(message);
export const decodeMessage = <Message extends ToComparison | FromComparison>(payload: Buffer): Message => deserialize(payload);
