import { z } from 'zod';
import { authoritativeDefinitions, customProperties, sections, stableId, tags, text } from './odcs-parts.ts';

const count = z.int().min(0);

/** Fields are looked up by name in rows as JSON gave them, and tensors among those of a run: a name that every object inherits would find something there. */
const ownName = text.min(1).refine((name) => !(name in {}), 'expected a name that no object has of itself');

type LogicalType = 'string' | 'number' | 'integer' | 'boolean' | 'array' | 'object';

const numericOptions = ['minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum', 'multipleOf', 'format'];
const optionsOf: Readonly<Record<LogicalType, readonly string[]>> = {
  string: ['minLength', 'maxLength', 'pattern', 'format'],
  number: numericOptions,
  integer: numericOptions,
  boolean: [],
  array: ['minItems', 'maxItems', 'uniqueItems'],
  object: ['minProperties', 'maxProperties', 'required'],
};
const formatsOf: Partial<Readonly<Record<LogicalType, readonly string[]>>> = {
  number: ['f32', 'f64'],
  integer: ['i8', 'i16', 'i32', 'i64', 'i128', 'u8', 'u16', 'u32', 'u64', 'u128'],
};

const logicalTypeOptions = z.strictObject({
  minimum: z.number().optional(),
  maximum: z.number().optional(),
  exclusiveMinimum: z.number().optional(),
  exclusiveMaximum: z.number().optional(),
  multipleOf: z.number().positive().optional(),
  minLength: count.optional(),
  maxLength: count.optional(),
  pattern: text.optional(),
  format: text.optional(),
  minItems: count.optional(),
  maxItems: count.optional(),
  uniqueItems: z.boolean().optional(),
  minProperties: count.optional(),
  maxProperties: count.optional(),
  required: z
    .array(text)
    .min(1)
    .refine((names) => new Set(names).size === names.length, 'expected each name once')
    .optional(),
});

const operators = [
  'mustBe',
  'mustNotBe',
  'mustBeGreaterThan',
  'mustBeGreaterOrEqualTo',
  'mustBeLessThan',
  'mustBeLessOrEqualTo',
  'mustBeBetween',
  'mustNotBeBetween',
] as const;
const between = z
  .array(z.number())
  .length(2)
  .refine(([low, high]) => low !== high, 'expected two different numbers');

const qualityRule = z.strictObject({
  id: stableId.optional(),
  authoritativeDefinitions: authoritativeDefinitions.optional(),
  businessImpact: text.optional(),
  customProperties: customProperties.optional(),
  description: text.optional(),
  dimension: z.enum(['accuracy', 'completeness', 'conformity', 'consistency', 'coverage', 'timeliness', 'uniqueness']).optional(),
  method: text.optional(),
  name: text.optional(),
  schedule: text.optional(),
  scheduler: text.optional(),
  severity: text.optional(),
  tags: tags.optional(),
  type: z.enum(['text', 'library', 'sql', 'custom']).optional(),
  unit: text.optional(),
  metric: z.enum(['nullValues', 'missingValues', 'invalidValues', 'duplicateValues', 'rowCount']).optional(),
  rule: text.optional(),
  arguments: z.looseObject({ validValues: z.array(z.union([text, z.number()])).optional(), pattern: text.optional() }).optional(),
  query: text.optional(),
  engine: text.optional(),
  implementation: z.union([text, z.looseObject({})]).optional(),
  mustBe: z.unknown().optional(),
  mustNotBe: z.unknown().optional(),
  mustBeGreaterThan: z.number().optional(),
  mustBeGreaterOrEqualTo: z.number().optional(),
  mustBeLessThan: z.number().optional(),
  mustBeLessOrEqualTo: z.number().optional(),
  mustBeBetween: between.optional(),
  mustNotBeBetween: between.optional(),
});

/** Which keys a quality rule needs and may have beside the common ones, by its type; a rule with a metric is of type library. */
const rulesOf = {
  library: { needs: ['metric'], may: ['rule', 'arguments'], compares: true },
  sql: { needs: ['query'], may: [], compares: true },
  custom: { needs: ['engine', 'implementation'], may: [], compares: false },
} as const;
const typedKeys = [...Object.values(rulesOf).flatMap(({ needs, may }) => [...needs, ...may]), ...operators];

type Context = z.core.$RefinementCtx;
type Input = Readonly<Record<string, unknown>>;

const unknownKey = (context: Context, { value, path, key }: { readonly value: Input; readonly path: readonly string[]; readonly key: string }): void =>
  context.addIssue({ code: 'unrecognized_keys', keys: [key], path: [...path], input: value, message: 'no such key' });

const missingKey = (context: Context, input: unknown, key: string): void =>
  context.addIssue({ code: 'custom', path: [key], input, message: 'expected a value for this type of rule' });

/** What the types of a rule need, and what they allow beside the common keys. */
const demandsOf = ({
  type,
  metric,
}: QualityRule): { readonly needed: readonly string[]; readonly allowed: ReadonlySet<string>; readonly compares: boolean } => {
  const types = new Set<keyof typeof rulesOf>();
  if (metric !== undefined) types.add('library');
  if (type !== undefined && type !== 'text') types.add(type);
  const kinds = [...types].map((one) => rulesOf[one]);
  const compares = kinds.some((kind) => kind.compares);
  const needed = kinds.flatMap((kind) => [...kind.needs]);
  return { needed, allowed: new Set([...needed, ...kinds.flatMap((kind) => [...kind.may]), ...(compares ? operators : [])]), compares };
};

const quality = qualityRule.superRefine((rule, context) => {
  const { needed, allowed, compares } = demandsOf(rule);
  for (const key of needed.filter((name) => !Object.hasOwn(rule, name))) missingKey(context, rule, key);
  for (const key of typedKeys.filter((name) => Object.hasOwn(rule, name) && !allowed.has(name))) unknownKey(context, { value: rule, path: [], key });
  const used = operators.filter((operator) => Object.hasOwn(rule, operator));
  if (compares && used.length !== 1) context.addIssue({ code: 'custom', input: rule, message: `expected one of ${operators.join(', ')}, got ${used.length}` });
});

const described = {
  id: stableId.optional(),
  businessName: text.optional(),
  description: text.optional(),
  tags: tags.optional(),
  physicalName: text.optional(),
  quality: z.array(quality).default([]),
  customProperties: customProperties.default([]),
};

const value = {
  ...described,
  logicalType: z.enum(['string', 'number', 'integer', 'boolean', 'array', 'object']),
  physicalType: text.optional(),
  logicalTypeOptions: logicalTypeOptions.default({}),
  required: z.boolean().default(false),
  unique: z.boolean().optional(),
  criticalDataElement: z.boolean().optional(),
  transformLogic: text.optional(),
  transformDescription: text.optional(),
  transformSourceObjects: z.array(text).optional(),
  examples: z.array(z.unknown()).optional(),
};

/** The standard has options of its own for each logical type. */
const optionsFit = (
  { logicalType, logicalTypeOptions: options }: { readonly logicalType: LogicalType; readonly logicalTypeOptions: z.infer<typeof logicalTypeOptions> },
  context: Context,
): void => {
  for (const key of Object.keys(options)) if (!optionsOf[logicalType].includes(key)) unknownKey(context, { value: options, path: ['logicalTypeOptions'], key });
  const formats = formatsOf[logicalType];
  if (formats !== undefined && options.format !== undefined && !formats.includes(options.format)) {
    context.addIssue({ code: 'custom', path: ['logicalTypeOptions', 'format'], input: options.format, message: `expected one of ${formats.join(', ')}` });
  }
};

/** What an array holds: a property whose name may be left out, and which may have properties of its own. */
const items = z
  .strictObject({ ...value, name: text.optional(), classification: text.optional(), properties: z.array(z.lazy((): z.ZodType => property)).optional() })
  .superRefine(optionsFit);

const property = z
  .strictObject({
    ...value,
    name: ownName,
    classification: z.enum(['public', 'internal', 'confidential', 'restricted']).optional(),
    items: items.optional(),
  })
  .superRefine(optionsFit)
  .superRefine((entry, context) => {
    if (entry.items !== undefined && entry.logicalType !== 'array') unknownKey(context, { value: entry, path: [], key: 'items' });
  });

const schemaObject = z.strictObject({
  ...described,
  name: ownName,
  physicalName: ownName.optional(),
  logicalType: z.literal('object'),
  physicalType: z.enum(['tensor', 'passThrough', 'derived']),
  dataGranularityDescription: text.optional(),
  properties: z.array(property).min(1),
});

/**
 * The subset of the Open Data Contract Standard v3.1.0 that the gateway executes. What the standard refuses, this refuses
 * too; of the schema it also refuses what the gateway would not enforce (dates, relationships, keys, partitions).
 *
 * @see https://github.com/bitol-io/open-data-contract-standard/tree/v3.1.0
 */
export const contractSchema = z.strictObject({
  apiVersion: z.enum(['v3.1.0', 'v3.0.2', 'v3.0.1', 'v3.0.0']),
  kind: z.literal('DataContract'),
  id: text.min(1),
  name: text.optional(),
  version: text.min(1),
  status: text.min(1),
  domain: text.optional(),
  dataProduct: text.optional(),
  tenant: text.optional(),
  tags: tags.optional(),
  contractCreatedTs: text.optional(),
  schema: z.array(schemaObject).min(1),
  customProperties: customProperties.default([]),
  ...sections,
});

export type ContractDocument = z.infer<typeof contractSchema>;
export type QualityRule = z.infer<typeof qualityRule>;
export type Property = z.infer<typeof property>;
export type SchemaObject = z.infer<typeof schemaObject>;
