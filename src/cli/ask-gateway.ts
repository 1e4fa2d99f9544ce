import { z } from 'zod';
import { type AdminAnswer, type AdminRequest, askAdmin } from './admin-client.ts';
import { type AdminOptions, addressOf } from './gateway-address.ts';
import type { CliIo, ExitCode } from './io.ts';

/** The options of every command that asks the gateway about rollouts. */
export interface ConnectionOptions extends AdminOptions {
  readonly json?: true;
}

const figures = z.object({ n: z.number(), events: z.number().optional(), value: z.number().nullable() }).nullable();

/** The parts of a rollout's state that are shown to a person. */
export const rolloutAnswer = z.object({
  model: z.string(),
  phase: z.string(),
  baseline: z.string(),
  candidate: z.string(),
  weight: z.number(),
  effective_weight: z.number(),
  epoch: z.number(),
  revision: z.number(),
  reason: z.string(),
  step: z.number(),
  evidence: z.object({ value: z.number().nullable(), threshold: z.number() }).nullable(),
  next: z.object({ move: z.string(), not_before: z.string().nullable(), deadline: z.string().nullable() }).nullable(),
  guardrails: z.array(z.object({ name: z.string(), verdict: z.string(), baseline: figures, candidate: figures })),
});
export type RolloutAnswer = z.infer<typeof rolloutAnswer>;

/** What is in force after a move. */
export const weightSentence = ({ model, phase, candidate, weight, effective_weight: effective, revision }: RolloutAnswer): string =>
  weight === effective
    ? `${model}: ${weight} % of requests go to ${candidate} (${phase}, revision ${revision}).\n`
    : `${model}: the weight of ${candidate} is ${weight} %, but ${effective} % is in force (${phase}, revision ${revision}).\n`;

/** How one answer is shown: its shape, and its words for a person. */
interface Shown<Shape extends z.ZodType> {
  readonly schema: Shape;
  readonly words: (body: z.output<Shape>) => string;
  /** 1 for an answer that says that something failed; absent: 0. */
  readonly exitCode?: (body: z.output<Shape>) => ExitCode;
}

const show = <Shape extends z.ZodType>(
  io: CliIo,
  answer: AdminAnswer,
  { schema, words, exitCode = () => 0, json }: Shown<Shape> & { readonly json: boolean },
): ExitCode => {
  if (json && answer.body !== undefined) io.stdout(`${JSON.stringify(answer.body)}\n`);
  if (!answer.ok) {
    io.stderr(`${answer.message}\n`);
    return answer.exitCode;
  }
  const parsed = schema.safeParse(answer.body);
  if (parsed.success && !json) io.stdout(words(parsed.data));
  if (!parsed.success) io.stderr('the answer is not of an admin port of this version\n');
  return parsed.success ? exitCode(parsed.data) : 3;
};

/** Asks the gateway once and shows the answer; `io.setExitCode` says how it went. */
export const ask = async <Shape extends z.ZodType>(
  io: CliIo,
  options: ConnectionOptions,
  asked: Shown<Shape> & { readonly request: AdminRequest },
): Promise<void> => {
  const address = addressOf(options);
  if (typeof address === 'string') {
    io.stderr(`${address}\n`);
    io.setExitCode(2);
  } else {
    const answer = await askAdmin(address, asked.request);
    const { request: _, ...shown } = asked;
    io.setExitCode(show(io, answer, { ...shown, json: options.json === true }));
  }
};
