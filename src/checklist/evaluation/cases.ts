import { setTimeout } from 'node:timers/promises';
import { z } from 'zod';
import { checkInputs } from '../../data-plane/contract/check-inputs.ts';
import type { Row } from '../../data-plane/contract/compile-contract.ts';
import type { OutputRow } from '../../data-plane/guards/compile-outputs.ts';
import type { Prediction } from '../../data-plane/inference/batcher.ts';
import { InferenceFailure } from '../../data-plane/inference/inference-failure.ts';
import type { ServingVersion } from '../../data-plane/inference/serving-version.ts';

/** One held-out case: a request with what is known of each row. */
const caseSchema = z.strictObject({
  id: z.string().min(1),
  inputs: z.array(z.record(z.string(), z.unknown())).min(1),
  /** One a row: 0 or 1 for a class, a grade for a document, the name of a class or group for an image. */
  labels: z.array(z.union([z.number(), z.string()])),
});

export type EvaluationCase = z.infer<typeof caseSchema>;

/** How a version answered a case. */
export interface CaseAnswer {
  /** The answer's rows; null when the request was refused, failed or its output was rejected. */
  readonly outputs: readonly OutputRow[] | null;
  /** Whether the output was rejected. */
  readonly breach: boolean;
  readonly detail: string | null;
}

/** Parses `evaluation/cases.jsonl`; a fault names its line. */
export const parseCases = (
  text: string,
): { readonly cases: readonly EvaluationCase[]; readonly faults: readonly { readonly line: number; readonly got: string }[] } => {
  const faults: { readonly line: number; readonly got: string }[] = [];
  const cases = text.split('\n').flatMap((line, index) => {
    if (line.trim() === '') return [];
    const parsed = caseSchema.safeParse(jsonOf(line));
    if (parsed.success && parsed.data.labels.length === parsed.data.inputs.length) return [parsed.data];
    faults.push({ line: index + 1, got: parsed.success ? `${parsed.data.labels.length} labels for ${parsed.data.inputs.length} rows` : 'no such case' });
    return [];
  });
  return { cases, faults };
};

const jsonOf = (line: string): unknown => {
  try {
    return JSON.parse(line);
  } catch {
    return null;
  }
};

/** Fields that only another version declares are passed over, as they are while a rollout is on. */
export const ownRows = ({ contract }: ServingVersion, rows: readonly Row[]): readonly Row[] =>
  rows.map((row) => Object.fromEntries(Object.entries(row).filter(([name]) => contract.names.has(name))));

/** Who answers, and the clock of the deadline. */
export interface Answering {
  readonly version: ServingVersion;
  readonly monotonicMs: () => number;
}

const refused = (detail: string): CaseAnswer => ({ outputs: null, breach: false, detail });

/** No case of an evaluation takes longer, however full the machine is. */
const maxCaseMs = 60_000;

/** The machine, not the model, kept a case from being answered: nothing can be said about the bundle. */
export class CouldNotCheckError extends Error {
  override readonly name = 'CouldNotCheckError';
}

/** Reasons that say something about the machine at that moment: a run that was too slow for its deadline, or a process that was lost over it. */
const transient: ReadonlySet<string> = new Set(['timeout', 'lost-worker', 'circuit-open', 'queue-full']);
const mostTries = 8;
/** Long enough for a lost process to be back, and for a breaker to close, after a few tries. */
const pauseMs = 1_000;

/** Runs rows on a version; what the machine alone is to blame for is tried again. @throws CouldNotCheckError, InferenceFailure */
export const predictPatiently = async ({ version, monotonicMs }: Answering, rows: readonly Row[]): Promise<Prediction> => {
  for (let tries = 1; ; tries += 1) {
    try {
      return await version.predict({ rows, deadlineMs: monotonicMs() + maxCaseMs, span: null });
    } catch (error) {
      const failure = InferenceFailure.from(error);
      if (!transient.has(failure.reason)) throw failure;
      if (tries === mostTries) throw new CouldNotCheckError(`${version.bundle.model} ${version.bundle.version}: ${failure.message}`, { cause: failure });
      await setTimeout(pauseMs);
    }
  }
};

const answerCase = async (answering: Answering, { inputs }: EvaluationCase): Promise<CaseAnswer> => {
  const { version } = answering;
  const check = checkInputs(ownRows(version, inputs), { baseline: version.contract, candidate: null, known: version.contract.names });
  if (!check.ok) return refused(check.violations.map(({ pointer, got, expected }) => `${pointer}: got ${got}, expected ${expected}`).join('; '));
  try {
    const { outputs, luma } = await predictPatiently(answering, check.rows);
    const guarded = version.guard({ rows: check.rows, outputs, luma });
    return guarded.ok ? { outputs: guarded.rows, breach: false, detail: null } : { outputs: null, breach: true, detail: guarded.breach };
  } catch (error) {
    if (error instanceof CouldNotCheckError) throw error;
    return refused(InferenceFailure.from(error).message);
  }
};

/** Cases that are under way at once: enough to fill batches, few enough for the version's queue. */
const window = 16;

/** Runs every case through the version's own path: contract, batching, guard. */
export const answerCases = async (answering: Answering, cases: readonly EvaluationCase[]): Promise<readonly CaseAnswer[]> => {
  const answers: CaseAnswer[] = [];
  for (let start = 0; start < cases.length; start += window)
    answers.push(...(await Promise.all(cases.slice(start, start + window).map((one) => answerCase(answering, one)))));
  return answers;
};
