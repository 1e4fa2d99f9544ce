import { createDocument, type ZodOpenApiPathsObject } from 'zod-openapi';
import { version } from '../version.ts';
import { adminPaths } from './document/admin-port.ts';
import { dataPaths } from './document/data-port.ts';

const tagged = (paths: ZodOpenApiPathsObject, tag: string): ZodOpenApiPathsObject =>
  Object.fromEntries(
    Object.entries(paths).map(([path, item]) => [
      path,
      Object.fromEntries(Object.entries(item).map(([method, operation]) => [method, { ...operation, tags: [tag] }])),
    ]),
  );

/** The OpenAPI 3.1 document of both ports. */
export const createOpenApiDocument = () =>
  createDocument({
    openapi: '3.1.1',
    info: {
      title: 'Handoff',
      version,
      description: 'Serves ONNX models from handoff bundles and rolls new versions out safely.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    tags: [
      { name: 'data', description: 'The data port, 8080 by default.' },
      { name: 'admin', description: 'The admin port, 8081 by default.' },
    ],
    security: [{}, { key: [] }],
    components: { securitySchemes: { key: { type: 'http', scheme: 'bearer' } } },
    paths: { ...tagged(dataPaths, 'data'), ...tagged(adminPaths, 'admin') },
  });
