import type { Resource } from '../express-app.ts';

/** What the metrics resource needs. */
export interface MetricsRoutesDeps {
  /** The metrics as text, with the content type of its format. */
  readonly metrics: () => Promise<{ readonly contentType: string; readonly body: string }>;
}

/** The metrics for a scraper, by path. */
export const metricsResources = ({ metrics }: MetricsRoutesDeps): Readonly<Record<string, Resource>> => ({
  '/metrics': {
    get: async (_request, response) => {
      const { contentType, body } = await metrics();
      // Not by express, which would add to the content type.
      response.setHeader('content-type', contentType);
      response.end(body);
    },
  },
});
