import { z } from 'zod';
import { pathParameter, type Resource } from '../express-app.ts';
import { parseOrRefuse } from '../parse-or-refuse.ts';

/** What the signals resource needs. */
export interface SignalRoutesDeps {
  readonly signals: {
    /** Takes a value; the answer says which versions it concerns. @throws ProblemError not-found */
    readonly push: (name: string, value: number) => unknown;
  };
}

/** The body of `PUT /signals/{name}`. */
export const signalBody = z.strictObject(
  { value: z.number('a finite number') },
  { error: (issue) => (issue.code === 'invalid_type' ? 'an object with value' : undefined) },
);

/** `PUT /signals/{name}`, by path. */
export const signalResources = ({ signals }: SignalRoutesDeps): Readonly<Record<string, Resource>> => ({
  '/signals/:name': {
    put: (request, response, body) => {
      const { value } = parseOrRefuse(signalBody, body);
      response.json(signals.push(pathParameter(request, 'name'), value));
    },
  },
});
