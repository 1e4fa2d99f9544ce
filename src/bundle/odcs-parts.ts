import { z } from 'zod';

/** The building blocks that all sections of a data contract share, as the Open Data Contract Standard v3.1.0 has them. */
export const text = z.string();
export const tags = z.array(text);
export const stableId = text.regex(/^[A-Za-z0-9_-]+$/, 'expected an id of letters, digits, - and _');

const customProperty = z.strictObject({
  id: stableId.optional(),
  property: text,
  value: z.unknown().refine((value) => value !== undefined, 'expected a value'),
  description: text.optional(),
});
export const customProperties = z.array(customProperty);
export type CustomProperties = z.infer<typeof customProperties>;

export const authoritativeDefinitions = z.array(z.strictObject({ id: stableId.optional(), url: text, type: text, description: text.optional() }));

const role = z.strictObject({
  id: stableId.optional(),
  role: text,
  description: text.optional(),
  access: text.optional(),
  firstLevelApprovers: text.optional(),
  secondLevelApprovers: text.optional(),
  customProperties: customProperties.optional(),
});

/** A bundle is served over HTTP, so of the standard's servers only APIs are known. */
const server = z.strictObject({
  id: stableId.optional(),
  server: text,
  type: z.literal('api'),
  location: text,
  description: text.optional(),
  environment: text.optional(),
  roles: z.array(role).optional(),
  customProperties: customProperties.optional(),
});

const member = z.strictObject({
  id: stableId.optional(),
  username: text,
  name: text.optional(),
  description: text.optional(),
  role: text.optional(),
  dateIn: text.optional(),
  dateOut: text.optional(),
  replacedByUsername: text.optional(),
  tags: tags.optional(),
  customProperties: customProperties.optional(),
  authoritativeDefinitions: authoritativeDefinitions.optional(),
});
const team = z.strictObject({
  id: stableId.optional(),
  name: text.optional(),
  description: text.optional(),
  members: z.array(member).optional(),
  tags: tags.optional(),
  customProperties: customProperties.optional(),
  authoritativeDefinitions: authoritativeDefinitions.optional(),
});

const simpleValue = z.union([text, z.number(), z.boolean(), z.null()]);
const serviceLevel = z.strictObject({
  id: stableId.optional(),
  property: text,
  value: simpleValue,
  valueExt: simpleValue.optional(),
  unit: text.optional(),
  element: text.optional(),
  driver: text.optional(),
  description: text.optional(),
  scheduler: text.optional(),
  schedule: text.optional(),
});

const support = z.strictObject({
  id: stableId.optional(),
  channel: text,
  url: text.optional(),
  description: text.optional(),
  tool: text.optional(),
  scope: text.optional(),
  invitationUrl: text.optional(),
  customProperties: customProperties.optional(),
});

/** The sections that no part of the gateway executes: held against the standard, so that other tools can read the file. */
export const sections = {
  description: z
    .looseObject({
      usage: text.optional(),
      purpose: text.optional(),
      limitations: text.optional(),
      authoritativeDefinitions: authoritativeDefinitions.optional(),
      customProperties: customProperties.optional(),
    })
    .optional(),
  servers: z.array(server).optional(),
  slaProperties: z.array(serviceLevel).optional(),
  slaDefaultElement: text.optional(),
  support: z.array(support).optional(),
  price: z.strictObject({ id: stableId.optional(), priceAmount: z.number().optional(), priceCurrency: text.optional(), priceUnit: text.optional() }).optional(),
  roles: z.array(role).optional(),
  team: z.union([team, z.array(member)]).optional(),
  authoritativeDefinitions: authoritativeDefinitions.optional(),
};
