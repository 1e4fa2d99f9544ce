import { z } from 'zod';
import { pathParameter, type Resource } from '../express-app.ts';
import { parseOrRefuse, parseQuery } from '../parse-or-refuse.ts';

/** What the model resources need. */
export interface ModelRoutesDeps {
  readonly models: {
    /** Every loaded version of every model. */
    readonly list: () => unknown;
    /** @throws ProblemError model-not-found, version-not-found */
    readonly get: (model: string, version: string) => unknown;
    /** What a prediction id says, and the bundle that answered. @throws ProblemError not-found */
    readonly explain: (predictionId: string) => unknown;
  };
  /** Looks for new or changed bundles and plans now: what was accepted, what was refused and why. */
  readonly rescan: () => unknown;
}

const onePredictionId = 'one prediction id';

/** One prediction's bundle instead of all that are there. Other parameters are left alone, as they always were. */
const listQuery = z.object({ prediction_id: z.string(onePredictionId).min(1, onePredictionId).max(2_000, onePredictionId).optional() });

/** A rescan takes no options. */
export const rescanBody = z.strictObject({}).optional();

/** The loaded bundles, and the look for new ones, by path. */
export const modelResources = ({ models, rescan }: ModelRoutesDeps): Readonly<Record<string, Resource>> => ({
  '/models': {
    get: async (request, response) => {
      const { prediction_id: id } = parseQuery(listQuery, request.query);
      response.json(id === undefined ? { models: await models.list() } : await models.explain(id));
    },
  },
  '/models/rescan': {
    post: async (_request, response, body) => {
      parseOrRefuse(rescanBody, body);
      response.json(await rescan());
    },
  },
  '/models/:model/:version': {
    get: async (request, response) => {
      response.json(await models.get(pathParameter(request, 'model'), pathParameter(request, 'version')));
    },
  },
});
