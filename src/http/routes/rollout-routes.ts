import { z } from 'zod';
import type { RolloutControl } from '../../control-plane/rollout-control.ts';
import { pathParameter, type Resource } from '../express-app.ts';
import { parseQuery } from '../parse-or-refuse.ts';
import { moveResources, sendState } from './rollout-moves.ts';

/** What the rollout resources need. */
export interface RolloutRoutesDeps {
  readonly rollouts: Pick<RolloutControl, 'list' | 'get' | 'move' | 'setWeight'>;
  /** Which arm a routing key has, and why. @throws ProblemError model-not-found, not-found */
  readonly explain: (model: string, key: string) => unknown;
}

const explainQuery = z.object({ key: z.string('one routing key').min(1, 'one routing key') });

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
  ...moveResources(deps.rollouts),
  '/rollouts/:model/explain': {
    get: async (request, response) => {
      const { key } = parseQuery(explainQuery, request.query);
      response.json(await deps.explain(pathParameter(request, 'model'), key));
    },
  },
});
