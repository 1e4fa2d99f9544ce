import { readFile } from 'node:fs/promises';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { inferRequestSchema } from '../../src/http/document/data-port.ts';
import { parseInferRequest } from '../../src/http/infer-request.ts';
import { createOpenApiDocument } from '../../src/http/openapi.ts';

const file = new URL('../../docs/openapi.json', import.meta.url);

test('the committed API document is the one that the schemas make', async () => {
  // To write it anew: npm run openapi
  expect(JSON.parse(await readFile(file, 'utf8'))).toEqual(JSON.parse(JSON.stringify(createOpenApiDocument())));
});

const accepts = (body: unknown): boolean => {
  try {
    parseInferRequest(body);
    return true;
  } catch {
    return false;
  }
};

test('the check by hand refuses every envelope that the published schema refuses', () => {
  const member = fc.oneof(
    fc.string(),
    fc.integer(),
    fc.constant(null),
    fc.boolean(),
    fc.array(fc.dictionary(fc.string(), fc.integer()), { minLength: 1, maxLength: 2 }),
  );
  const body = fc.record({ model: member, version: member, id: member, inputs: member, other: member }, { requiredKeys: [] });
  fc.assert(fc.property(body, (value) => inferRequestSchema.safeParse(value).success === accepts(value)));
});
