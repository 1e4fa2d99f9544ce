import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Resource } from '../express-app.ts';

/** The viewer's files come with its package; nothing is fetched from elsewhere. */
const viewer = dirname(fileURLToPath(import.meta.resolve('swagger-ui-dist/package.json')));

const page = `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>Handoff API</title><link rel="stylesheet" href="/docs/swagger-ui.css"></head>
<body><div id="swagger-ui"></div><script src="/docs/swagger-ui-bundle.js"></script><script src="/docs/start.js"></script></body>
</html>
`;

const start = `SwaggerUIBundle({ url: '/openapi.json', dom_id: '#swagger-ui', deepLinking: true });\n`;

const policy = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:";

/** The API document and a page that shows it, by path. */
export const docsResources = (): Readonly<Record<string, Resource>> => {
  let document: unknown;
  return {
    '/openapi.json': {
      get: async (_request, response) => {
        // Loaded on first use: few ask for it, and every start would pay.
        document ??= (await import('../openapi.ts')).createOpenApiDocument();
        response.json(document);
      },
    },
    '/docs': {
      get: (_request, response) => {
        response.set('content-security-policy', policy).type('html').send(page);
      },
    },
    '/docs/start.js': {
      get: (_request, response) => {
        response.type('js').send(start);
      },
    },
    '/docs/swagger-ui.css': {
      get: (_request, response) => {
        response.sendFile(join(viewer, 'swagger-ui.css'));
      },
    },
    '/docs/swagger-ui-bundle.js': {
      get: (_request, response) => {
        response.sendFile(join(viewer, 'swagger-ui-bundle.js'));
      },
    },
  };
};
