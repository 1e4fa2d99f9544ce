import { z } from 'zod';
import { weightPercent } from '../../control-plane/plan.ts';
import type { RolloutControl } from '../../control-plane/rollout-control.ts';
import type { RolloutState } from '../../control-plane/rollout-state.ts';
import { ProblemError } from '../../problem.ts';
import { type AppResponse, pathParameter, type Resource } from '../express-app.ts';
import { parseOrRefuse, parseQuery } from '../parse-or-refuse.ts';

/** What the rollout resources need. */
export interface RolloutRoutesDeps {
  readonly rollouts: Pick<RolloutControl, 'list' | 'get' | 'setWeight'>;
  /** Which arm a routing key has, and why. @throws ProblemError model-not-found, not-found */
  readonly explain: (model: string, key: string) => unknown;
}

const maxReasonCharacters = 500;
const reasonText = `text of 1 to ${maxReasonCharacters} characters`;

/** Half a surrogate pair has no form in UTF-8, so the ledger could not keep what was said. */
const wellFormedText = 'text without half surrogate pairs';

/** The body of `PUT /rollouts/{model}/weight`. */
export const setWeightBody = z.strictObject(
  {
    weight: weightPercent,
    reason: z
      .string(reasonText)
      .trim()
      .min(1, reasonText)
      .max(maxReasonCharacters, reasonText)
      .refine((text) => text.isWellFormed(), wellFormedText),
  },
  { error: (issue) => (issue.code === 'invalid_type' ? 'an object with weight and reason' : undefined) },
);

const explainQuery = z.object({ key: z.string('one routing key').min(1, 'one routing key') });

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

const sendState = (response: AppResponse, state: RolloutState): void => {
  response.set('etag', `"${state.revision}"`).json(state);
};

const weightResource = ({ rollouts }: RolloutRoutesDeps): Resource => ({
  put: async (request, response, body) => {
    const { weight, reason } = parseOrRefuse(setWeightBody, body);
    const expectedRevision = expectedRevisionOf(request.headers['if-match']);
    const { actor } = response.locals;
    const wish = { weight, reason, actor, ...(expectedRevision === undefined ? {} : { expectedRevision }) };
    sendState(response, await rollouts.setWeight(pathParameter(request, 'model'), wish));
  },
});

/** State, weight and explanation of rollouts, by path. */
export const rolloutResources = (deps: RolloutRoutesDeps): Readonly<Record<string, Resource>> => ({
  '/rollouts': {
    get: (_request, response) => {
      response.json({ rollouts: deps.rollouts.list() });
    },
  },
  '/rollouts/:model': {
    get: (request, response) => sendState(response, deps.rollouts.get(pathParameter(request, 'model'))),
  },
  '/rollouts/:model/weight': weightResource(deps),
  '/rollouts/:model/explain': {
    get: async (request, response) => {
      const { key } = parseQuery(explainQuery, request.query);
      response.json(await deps.explain(pathParameter(request, 'model'), key));
    },
  },
});
