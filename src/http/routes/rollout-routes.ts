import { z } from 'zod';
import { weightPercent } from '../../control-plane/plan.ts';
import type { RolloutControl } from '../../control-plane/rollout-control.ts';
import { pathParameter, type Resource } from '../express-app.ts';
import { parseOrRefuse, parseQuery } from '../parse-or-refuse.ts';
import { expectedRevisionOf, moveReason, moveResources, sendState } from './rollout-moves.ts';

/** What the rollout resources need. */
export interface RolloutRoutesDeps {
  readonly rollouts: Pick<RolloutControl, 'list' | 'get' | 'move' | 'setWeight'>;
  /** Which arm a routing key has, and why. @throws ProblemError model-not-found, not-found */
  readonly explain: (model: string, key: string) => unknown;
}

/** The body of `PUT /rollouts/{model}/weight`. */
export const setWeightBody = z.strictObject(
  { weight: weightPercent, reason: moveReason },
  { error: (issue) => (issue.code === 'invalid_type' ? 'an object with weight and reason' : undefined) },
);

const explainQuery = z.object({ key: z.string('one routing key').min(1, 'one routing key') });

const weightResource = ({ rollouts }: RolloutRoutesDeps): Resource => ({
  put: async (request, response, body) => {
    const { weight, reason } = parseOrRefuse(setWeightBody, body);
    const expectedRevision = expectedRevisionOf(request.headers['if-match']);
    const { actor } = response.locals;
    const wish = { weight, reason, actor, ...(expectedRevision === undefined ? {} : { expectedRevision }) };
    sendState(response, await rollouts.setWeight(pathParameter(request, 'model'), wish));
  },
});

/** State, weight, moves and explanation of rollouts, by path. */
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
  ...moveResources(deps),
  '/rollouts/:model/explain': {
    get: async (request, response) => {
      const { key } = parseQuery(explainQuery, request.query);
      response.json(await deps.explain(pathParameter(request, 'model'), key));
    },
  },
});
