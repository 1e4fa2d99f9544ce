import { ProblemError } from '../../problem.ts';
import type { Resource } from '../express-app.ts';

/** Whether every model has a serving baseline; `detail` says which have not. */
interface Readiness {
  readonly ready: boolean;
  readonly detail: string;
}

/** What the health resources need. */
export interface HealthRoutesDeps {
  readonly readiness: () => Readiness;
}

/** What a probe asks, by path: `live` while the process answers at all, `ready` while it should get traffic. */
export const healthResources = ({ readiness }: HealthRoutesDeps): Readonly<Record<string, Resource>> => ({
  '/health/live': {
    get: (_request, response) => {
      response.json({ status: 'live' });
    },
  },
  '/health/ready': {
    get: (_request, response) => {
      const { ready, detail } = readiness();
      if (!ready) throw new ProblemError('model-not-ready', detail);
      response.json({ status: 'ready' });
    },
  },
});
