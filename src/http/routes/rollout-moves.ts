import { z } from 'zod';
import type { Command } from '../../control-plane/command.ts';
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
export const moveReason = z
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

/** An operator's script that retries does so within minutes; a key and its answer are about 2 KB. */
const keptAnswers = 1_000;

/**
 * The revision that `If-Match` names; undefined when any will do.
 * @throws ProblemError malformed-request
 */
export const expectedRevisionOf = (ifMatch: string | undefined): number | undefined => {
  if (ifMatch === undefined || ifMatch.trim() === '*') return undefined;
  const revision = /^"(\d{1,15})"$/.exec(ifMatch.trim())?.[1];
  if (revision === undefined) throw new ProblemError('malformed-request', `If-Match: got ${ifMatch}, expected the ETag of the rollout, like "12".`);
  return Number(revision);
};

/** Answers with a state; its ETag is the revision. */
export const sendState = (response: AppResponse, state: RolloutState): void => {
  response.set('etag', `"${state.revision}"`).json(state);
};

const moves = ['start', 'pause', 'resume', 'promote', 'rollback'] as const;

const parseMove = (move: (typeof moves)[number], body: unknown): { readonly command: Command; readonly reason: string } => {
  if (move === 'promote') {
    const { reason, full } = parseOrRefuse(promoteBody, body);
    return { command: { move, full }, reason };
  }
  return { command: { move }, reason: parseOrRefuse(moveBody, body).reason };
};

/** `POST /rollouts/{model}/start|pause|resume|promote|rollback`, each at most once an `Idempotency-Key`. */
export const moveResources = ({ rollouts }: { readonly rollouts: Pick<RolloutControl, 'move'> }): Readonly<Record<string, Resource>> => {
  const idempotency = createIdempotency<RolloutState>({ capacity: keptAnswers });
  const resourceOf = (move: (typeof moves)[number]): Resource => ({
    post: async (request, response, body) => {
      const { command, reason } = parseMove(move, body);
      const expectedRevision = expectedRevisionOf(request.headers['if-match']);
      const model = pathParameter(request, 'model');
      const { actor } = response.locals;
      const write = {
        key: request.headers['idempotency-key']?.toString(),
        actor,
        fingerprint: JSON.stringify([model, command, reason, expectedRevision ?? null]),
      };
      const wish = { reason, actor, ...(expectedRevision === undefined ? {} : { expectedRevision }) };
      sendState(response, await idempotency.once(write, () => rollouts.move(model, command, wish)));
    },
  });
  return Object.fromEntries(moves.map((move) => [`/rollouts/:model/${move}`, resourceOf(move)]));
};
