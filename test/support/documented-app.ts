import type { RequestListener } from 'node:http';
import { createOpenApiDocument } from '../../src/http/openapi.ts';

/** An app whose answers are held against the API document. */
export interface DocumentedApp {
  readonly app: RequestListener;
  /** Every answer so far whose status the document does not know for its call, such as `PUT /rollouts/{model}/weight: 503`. */
  readonly undocumented: () => readonly string[];
}

const { paths = {} } = createOpenApiDocument();

/** A fixed path comes before one with a parameter in its place. */
const patterns = Object.keys(paths)
  .sort((left, right) => left.split('{').length - right.split('{').length)
  .map((path) => ({ path, pattern: new RegExp(`^${path.replaceAll(/\{\w+\}/g, '[^/]+')}$`) }));

const isDecodable = (pathname: string): boolean => {
  try {
    return decodeURIComponent(pathname) !== '';
  } catch {
    return false;
  }
};

/** Calls that are not in the document, such as those of an unknown path or method, are nobody's promise. */
const operationOf = (method: string, url: string) => {
  const pathname = url.replace(/\?.*$/, '');
  const path = isDecodable(pathname) ? patterns.find(({ pattern }) => pattern.test(pathname))?.path : undefined;
  const operation: { readonly responses?: object } | undefined = path === undefined ? undefined : Reflect.get(paths[path] ?? {}, method.toLowerCase());
  return operation === undefined ? null : { call: `${method} ${path}`, statuses: Object.keys(operation.responses ?? {}) };
};

export const createDocumentedApp = (app: RequestListener): DocumentedApp => {
  const undocumented: string[] = [];
  return {
    app: (request, response) => {
      const operation = operationOf(request.method ?? '', request.url ?? '');
      response.once('finish', () => {
        if (operation !== null && !operation.statuses.includes(String(response.statusCode))) undocumented.push(`${operation.call}: ${response.statusCode}`);
      });
      app(request, response);
    },
    undocumented: () => undocumented,
  };
};
