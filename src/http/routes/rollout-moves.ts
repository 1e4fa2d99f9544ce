import { z } from 'zod';
import type { Command } from '../../control-plane/command.ts';
import type { MoveRequest } from '../../control-plane/move-rollout.ts';
import { weightPercent } from '../../control-plane/plan.ts';
import type { RolloutControl } from '../../control-plane/rollout-control.ts';
import type { RolloutState } from '../../control-plane/rollout-state.ts';
import { ProblemError } from '../../problem.ts';
import { type AppResponse, pathParameter, type Resource } from '../express-app.ts';
import { createIdempotency } from '../idempotency.ts';
import { parseOrRefuse } from '../parse-or-refuse.ts';

const maxReasonCharacters = 500;
const reasonText = `text of 1 to ${maxReasonCharacters} characters`;

/** Half a surrogate pair has no form in UTF-8, so the ledger could not keep what was said. */
const wellFormedText = 'text without half surrogate pairs';

/** Why a person moves a rollout: kept for ever, so it is not optional. */
const moveReason = z
  .string(reasonText)
  .trim()
  .min(1, reasonText)
  .max(maxReasonCharacters, reasonText)
  .refine((text) => text.isWellFormed(), wellFormedText);

/** The body of a move but `promote`. */
export const moveBody = z.strictObject({ reason: moveReason }, { error: (issue) => (issue.code === 'invalid_type' ? 'an object with reason' : undefined) });

/** The body of `promote`: one step, or with `full` all of them. */
export const promoteBody = z.strictObject(
  { reason: moveReason, full: z.boolean('true or false').default(false) },
  { error: (issue) => (issue.code === 'invalid_type' ? 'an object with reason and, if all steps are meant, full' : undefined) },
);

/** The body of `PUT /rollouts/{model}/weight`. */
export const setWeightBody = z.strictObject(
  { weight: weightPercent, reason: moveReason },
  { error: (issue) => (issue.code === 'invalid_type' ? 'an object with weight and reason' : undefined) },
);

/** An operator's script that retries does so within minutes; a key and its answer are about 2 KB. */
const keptAnswers = 1_000;

/**
 * The revision that `If-Match` names; undefined when any will do.
 * @throws ProblemError malformed-request
 */
const expectedRevisionOf = (ifMatch: string | undefined): number | undefined => {
  if (ifMatch === undefined || ifMatch.trim() === '*') return undefined;
  const revision = /^"(\d{1,15})"$/.exec(ifMatch.trim())?.[1];
  if (revision === undefined) throw new ProblemError('malformed-request', `If-Match: got ${ifMatch}, expected the ETag of the rollout, like "12".`);
  return Number(revision);
};

/** Answers with a state; its ETag is the revision. */
export const sendState = (response: AppResponse, state: RolloutState): void => {
  response.set('etag', `"${state.revision}"`).json(state);
};

/** A move as a body asks for it. */
interface AskedMove {
  /** What is moved where: with the reason all that the body says. */
  readonly change: unknown;
  readonly reason: string;
  readonly make: (model: string, request: MoveRequest) => Promise<RolloutState>;
}

type Write = NonNullable<Resource['post']>;
type ReadMove = (body: unknown) => AskedMove;
type Moving = Pick<RolloutControl, 'move' | 'setWeight'>;

/** Answers each move with the state that it leads to. One memory for all of them: a key stands for one request, whatever its path. */
const createAnswerMove = () => {
  const idempotency = createIdempotency<RolloutState>({ capacity: keptAnswers });
  return (read: ReadMove): Write =>
    async (request, response, body) => {
      const { change, reason, make } = read(body);
      const expectedRevision = expectedRevisionOf(request.headers['if-match']);
      const model = pathParameter(request, 'model');
      const { actor } = response.locals;
      const write = {
        key: request.headers['idempotency-key']?.toString(),
        actor,
        fingerprint: JSON.stringify([model, change, reason, expectedRevision ?? null]),
      };
      const asked = { reason, actor, ...(expectedRevision === undefined ? {} : { expectedRevision }) };
      sendState(response, await idempotency.once(write, () => make(model, asked)));
    };
};

const moves = ['start', 'pause', 'resume', 'promote', 'rollback'] as const;

const commandIn = (move: (typeof moves)[number], body: unknown): { readonly command: Command; readonly reason: string } => {
  if (move === 'promote') {
    const { reason, full } = parseOrRefuse(promoteBody, body);
    return { command: { move, full }, reason };
  }
  return { command: { move }, reason: parseOrRefuse(moveBody, body).reason };
};

const readMove =
  ({ move: make }: Moving, move: (typeof moves)[number]): ReadMove =>
  (body) => {
    const { command, reason } = commandIn(move, body);
    return { change: command, reason, make: (model, request) => make(model, command, request) };
  };

const readWeight =
  ({ setWeight }: Moving): ReadMove =>
  (body) => {
    const { weight, reason } = parseOrRefuse(setWeightBody, body);
    return { change: { weight }, reason, make: (model, request) => setWeight(model, { ...request, weight }) };
  };

/** `PUT /rollouts/{model}/weight` and `POST /rollouts/{model}/start|pause|resume|promote|rollback`, each at most once an `Idempotency-Key`. */
export const moveResources = (rollouts: Moving): Readonly<Record<string, Resource>> => {
  const answerMove = createAnswerMove();
  return {
    '/rollouts/:model/weight': { put: answerMove(readWeight(rollouts)) },
    ...Object.fromEntries(moves.map((move) => [`/rollouts/:model/${move}`, { post: answerMove(readMove(rollouts, move)) }])),
  };
};
