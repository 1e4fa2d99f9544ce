import { z } from 'zod';
import type { Fault } from './fault.ts';
import { faultsOf } from './fault.ts';

const customProperty = z.strictObject({ property: z.string(), value: z.unknown(), description: z.string().optional() });
const customProperties = z.array(customProperty).default([]);

const logicalTypeOptions = z.strictObject({
  minimum: z.number().optional(),
  maximum: z.number().optional(),
  exclusiveMinimum: z.number().optional(),
  exclusiveMaximum: z.number().optional(),
  multipleOf: z.number().positive().optional(),
  minLength: z.int().min(0).optional(),
  maxLength: z.int().min(0).optional(),
  pattern: z.string().optional(),
  format: z.string().optional(),
  minItems: z.int().min(0).optional(),
  maxItems: z.int().min(0).optional(),
});

const quality = z.looseObject({
  metric: z.string().optional(),
  arguments: z.looseObject({ validValues: z.array(z.union([z.string(), z.number()])).optional() }).optional(),
});

const described = {
  businessName: z.string().optional(),
  description: z.string().optional(),
  tags: z.array(z.string()).optional(),
  physicalName: z.string().optional(),
  quality: z.array(quality).default([]),
  customProperties,
};

const property = z.strictObject({
  ...described,
  name: z.string().min(1),
  logicalType: z.enum(['string', 'number', 'integer', 'boolean', 'array', 'object']),
  physicalType: z.string().optional(),
  logicalTypeOptions: logicalTypeOptions.default({}),
  required: z.boolean().default(false),
  unique: z.boolean().optional(),
  classification: z.enum(['public', 'internal', 'confidential', 'restricted']).optional(),
  criticalDataElement: z.boolean().optional(),
  transformLogic: z.string().optional(),
  transformDescription: z.string().optional(),
  transformSourceObjects: z.array(z.string()).optional(),
  examples: z.array(z.unknown()).optional(),
  items: z.looseObject({ logicalType: z.string(), logicalTypeOptions: logicalTypeOptions.optional() }).optional(),
});

const schemaObject = z.strictObject({
  ...described,
  name: z.string().min(1),
  logicalType: z.literal('object'),
  physicalType: z.enum(['tensor', 'passThrough', 'derived']),
  dataGranularityDescription: z.string().optional(),
  properties: z.array(property).min(1),
});

/** The subset of the Open Data Contract Standard v3.1.0 that the gateway executes; the rest of the standard's top level is accepted as it is. */
const contractSchema = z.strictObject({
  apiVersion: z.enum(['v3.1.0', 'v3.0.2', 'v3.0.1', 'v3.0.0']),
  kind: z.literal('DataContract'),
  id: z.string().min(1),
  name: z.string().optional(),
  version: z.string().min(1),
  status: z.string().min(1),
  domain: z.string().optional(),
  dataProduct: z.string().optional(),
  tenant: z.string().optional(),
  tags: z.array(z.string()).optional(),
  description: z.looseObject({}).optional(),
  servers: z.array(z.looseObject({})).optional(),
  schema: z.array(schemaObject).min(1),
  slaProperties: z.array(z.looseObject({})).optional(),
  support: z.array(z.looseObject({})).optional(),
  price: z.looseObject({}).optional(),
  roles: z.array(z.looseObject({})).optional(),
  team: z.union([z.looseObject({}), z.array(z.looseObject({}))]).optional(),
  authoritativeDefinitions: z.array(z.looseObject({})).optional(),
  contractCreatedTs: z.string().optional(),
  customProperties,
});

/** Tensor element types that the gateway feeds and reads, in the Open Inference Protocol's spelling. */
export const datatypes = ['FP32', 'FP64', 'INT32', 'INT64', 'BOOL', 'BYTES'] as const;
export type Datatype = (typeof datatypes)[number];

export const timeParts = ['hour', 'isWeekend', 'isNight'] as const;
export type TimePart = (typeof timeParts)[number];

/** One named value of a request or response row, with everything that the gateway enforces about it. */
export interface Field {
  readonly name: string;
  readonly kind: 'number' | 'integer' | 'boolean' | 'string' | 'image' | 'array' | 'object';
  /** May not be null or absent. */
  readonly required: boolean;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly exclusiveMinimum?: number;
  readonly exclusiveMaximum?: number;
  readonly multipleOf?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly pattern?: string;
  /** The closed domain, if the contract names one. */
  readonly validValues?: readonly (string | number)[];
  readonly unit?: string;
  /** Other units that a request may use, each with its factor to `unit`. */
  readonly acceptedUnits: Readonly<Record<string, number>>;
  /** A timestamp is accepted too, and read as this part of the time in `timeZone`. */
  readonly timePart?: TimePart;
  readonly timeZone?: string;
  /** What stands in for null. Present exactly when `required` is false on a tensor's field. */
  readonly imputeValue?: number;
  readonly classification: 'public' | 'internal' | 'confidential' | 'restricted';
}

/** A tensor of the model as the contract sees it; `shape` has -1 for a variable dimension. */
export interface TensorSpec {
  readonly name: string;
  readonly datatype: Datatype;
  readonly shape: readonly number[];
  readonly fields: readonly Field[];
}

/** The executable part of a data contract. */
export interface ModelContract {
  readonly id: string;
  readonly version: string;
  readonly inputs: readonly TensorSpec[];
  readonly outputs: readonly TensorSpec[];
  /** Identifiers that travel from the request row to the response row. */
  readonly passThrough: readonly Field[];
  /** Output fields made by output steps. */
  readonly derived: readonly Field[];
}

type Property = z.infer<typeof property>;
type SchemaObject = z.infer<typeof schemaObject>;
type CustomProperties = z.infer<typeof customProperties>;

const custom = (properties: CustomProperties, name: string): unknown => properties.find((entry) => entry.property === name)?.value;

const fieldCustoms = z.object({
  unit: z.string().min(1).optional(),
  acceptedUnits: z.record(z.string(), z.number().positive()).default({}),
  timePart: z.enum(timeParts).optional(),
  timeZone: z.string().refine(isTimeZone, 'expected an IANA time zone').optional(),
  imputeValue: z.number().optional(),
});

function isTimeZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: name });
    return true;
  } catch {
    return false;
  }
}

const defined = <T extends object>(value: T): { [K in keyof T]?: Exclude<T[K], undefined> } =>
  Object.fromEntries(Object.entries(value).filter(([, entry]) => entry !== undefined)) as { [K in keyof T]?: Exclude<T[K], undefined> };

const fieldOf = (entry: Property, fault: (field: string, got: string, expected: string) => void): Field => {
  const raw = Object.fromEntries(entry.customProperties.map(({ property: name, value }) => [name, value]));
  const customs = fieldCustoms.safeParse(raw);
  if (!customs.success) {
    for (const issue of customs.error.issues) fault(`customProperties.${issue.path.join('.')}`, String(raw[String(issue.path[0])]), issue.message);
  }
  const { unit, acceptedUnits, timePart, timeZone, imputeValue } = customs.success ? customs.data : { acceptedUnits: {} };
  if ((timePart === undefined) !== (timeZone === undefined)) fault('customProperties', 'only one of them', 'timeZone and timePart together');
  const { minimum, maximum, exclusiveMinimum, exclusiveMaximum, multipleOf, minLength, maxLength, pattern } = entry.logicalTypeOptions;
  if (pattern !== undefined && !isPattern(pattern)) fault('logicalTypeOptions.pattern', pattern, 'a regular expression');
  const validValues = entry.quality.find((rule) => rule.metric === 'invalidValues')?.arguments?.validValues;
  return {
    name: entry.name,
    kind: entry.physicalType === 'base64-image' ? 'image' : entry.logicalType,
    required: entry.required,
    acceptedUnits,
    classification: entry.classification ?? 'internal',
    ...defined({ minimum, maximum, exclusiveMinimum, exclusiveMaximum, multipleOf, minLength, maxLength, pattern, validValues, unit, timePart, timeZone, imputeValue }),
  };
};

function isPattern(source: string): boolean {
  try {
    new RegExp(source, 'u');
    return true;
  } catch {
    return false;
  }
}

const tensorCustoms = z.object({ oipDatatype: z.enum(datatypes), oipShape: z.array(z.int().min(-1)).min(1) });

/**
 * Reads a parsed ODCS document into the contract that the gateway executes.
 *
 * @returns the contract, or every fault found.
 */
export const readContract = (file: string, document: unknown): { readonly contract?: ModelContract; readonly faults: readonly Fault[] } => {
  const parsed = contractSchema.safeParse(document);
  if (!parsed.success) return { faults: faultsOf(file, document, parsed.error) };
  const faults: Fault[] = [];
  const collected = { inputs: [] as TensorSpec[], outputs: [] as TensorSpec[], passThrough: [] as Field[], derived: [] as Field[] };
  for (const entry of parsed.data.schema) {
    const fault = (field: string, got: string, expected: string) => faults.push({ file, field: `schema.${entry.name}.${field}`, got, expected });
    const fields = entry.properties.map((one) => fieldOf(one, (field, got, expected) => fault(`${one.name}.${field}`, got, expected)));
    place(entry, fields, { ...collected, fault });
  }
  if (collected.inputs.length === 0) faults.push({ file, field: 'schema', got: 'no input tensor', expected: 'at least one object with physicalType tensor and direction input' });
  if (collected.outputs.length === 0) faults.push({ file, field: 'schema', got: 'no output tensor', expected: 'at least one object with physicalType tensor and direction output' });
  faults.push(...repeatedNames(file, collected));
  if (faults.length > 0) return { faults };
  return { contract: { id: parsed.data.id, version: parsed.data.version, ...collected }, faults };
};

interface Collected {
  readonly inputs: TensorSpec[];
  readonly outputs: TensorSpec[];
  readonly passThrough: Field[];
  readonly derived: Field[];
  readonly fault: (field: string, got: string, expected: string) => void;
}

const place = (entry: SchemaObject, fields: readonly Field[], { inputs, outputs, passThrough, derived, fault }: Collected): void => {
  const direction = custom(entry.customProperties, 'direction');
  if (direction !== 'input' && direction !== 'output') fault('customProperties.direction', String(direction ?? 'nothing'), 'input or output');
  if (entry.physicalType === 'passThrough') passThrough.push(...fields);
  else if (entry.physicalType === 'derived') derived.push(...fields);
  else {
    const raw = { oipDatatype: custom(entry.customProperties, 'oipDatatype'), oipShape: custom(entry.customProperties, 'oipShape') };
    const tensor = tensorCustoms.safeParse(raw);
    if (!tensor.success) fault('customProperties', JSON.stringify(raw), `oipDatatype of ${datatypes.join(', ')} and oipShape as a list of integers`);
    else {
      const spec = { name: entry.physicalName ?? entry.name, datatype: tensor.data.oipDatatype, shape: tensor.data.oipShape, fields };
      (direction === 'output' ? outputs : inputs).push(spec);
      if (direction === 'input') for (const field of fields) checkImpute(field, fault);
    }
  }
};

const checkImpute = (field: Field, fault: Collected['fault']): void => {
  if (!field.required && field.imputeValue === undefined) fault(`${field.name}.required`, 'false without imputeValue', 'an imputeValue, or required: true');
  if (field.required && field.imputeValue !== undefined) fault(`${field.name}.imputeValue`, String(field.imputeValue), 'none, since the field is required');
};

const repeatedNames = (file: string, { inputs, outputs, passThrough, derived }: Omit<Collected, 'fault'>): readonly Fault[] => {
  const sides = [
    [...inputs.flatMap((tensor) => tensor.fields), ...passThrough],
    [...outputs.flatMap((tensor) => tensor.fields), ...passThrough, ...derived],
  ];
  return sides.flatMap((fields) => {
    const names = fields.map((field) => field.name);
    return [...new Set(names.filter((name, index) => names.indexOf(name) !== index))].map((name) => ({
      file,
      field: 'schema',
      got: `${name} twice`,
      expected: 'each name once',
    }));
  });
};

/** All fields that a request row may carry for this contract. */
export const requestFields = (contract: ModelContract): readonly Field[] => [...contract.inputs.flatMap((tensor) => tensor.fields), ...contract.passThrough];
