import { z } from 'zod';
import type { Fault } from './fault.ts';
import { faultsOf } from './fault.ts';
import { contractSchema, type Property, type SchemaObject } from './odcs.ts';
import type { CustomProperties } from './odcs-parts.ts';

/** Tensor element types that the gateway feeds and reads, in the Open Inference Protocol's spelling. */
export const datatypes = ['BOOL', 'UINT8', 'UINT16', 'UINT32', 'UINT64', 'INT8', 'INT16', 'INT32', 'INT64', 'FP16', 'FP32', 'FP64', 'BYTES'] as const;
export type Datatype = (typeof datatypes)[number];

export const timeParts = ['hour', 'isWeekend', 'isNight'] as const;
export type TimePart = (typeof timeParts)[number];

/** One named value of a request or response row, with everything that the gateway enforces about it. */
export interface Field {
  readonly name: string;
  readonly kind: 'number' | 'integer' | 'boolean' | 'string' | 'image' | 'array' | 'object';
  /** Of an array of single values: their kind. */
  readonly itemKind?: 'number' | 'integer' | 'boolean' | 'string';
  /** May not be null or absent. */
  readonly required: boolean;
  /** This bound and the three below are those of the items if the field is an array. */
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

/** Values in one row of a tensor. */
export const widthOf = ({ shape }: Pick<TensorSpec, 'shape'>): number => shape.slice(1).reduce((product, size) => product * size, 1);

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

const custom = (properties: CustomProperties, name: string): unknown => properties.find((entry) => entry.property === name)?.value;

const fieldCustoms = z.object({
  unit: z.string().min(1).optional(),
  acceptedUnits: z.record(z.string(), z.number().positive()).default({}),
  timePart: z.enum(timeParts).optional(),
  timeZone: z.string().refine(isTimeZone, 'expected an IANA time zone').optional(),
  imputeValue: z.number().optional(),
});

const knownTimeZones = new Set<string>();

/** Asking the runtime takes milliseconds, and a contract names the same zone in many fields. */
function isTimeZone(name: string): boolean {
  if (knownTimeZones.has(name)) return true;
  try {
    new Intl.DateTimeFormat('en', { timeZone: name });
    knownTimeZones.add(name);
    return true;
  } catch {
    return false;
  }
}

const defined = <T extends object>(value: T): { [K in keyof T]?: Exclude<T[K], undefined> } =>
  Object.fromEntries(Object.entries(value).filter(([, entry]) => entry !== undefined)) as { [K in keyof T]?: Exclude<T[K], undefined> };

type FieldFault = (field: string, got: string, expected: string) => void;

const readCustoms = (entry: Property, fault: FieldFault): Partial<z.infer<typeof fieldCustoms>> => {
  const raw = Object.fromEntries(entry.customProperties.map(({ property: name, value }) => [name, value]));
  const customs = fieldCustoms.safeParse(raw);
  if (customs.success) {
    const { timePart, timeZone } = customs.data;
    if ((timePart === undefined) !== (timeZone === undefined)) fault('customProperties', 'only one of them', 'timeZone and timePart together');
    return customs.data;
  }
  for (const { field, got, expected } of faultsOf('', raw, customs.error)) fault(`customProperties.${field}`, got, expected);
  return {};
};

/** The bounds of a value; those of an array are its items'. */
const boundsOf = (entry: Property) => {
  const { minimum, maximum, exclusiveMinimum, exclusiveMaximum } = (entry.logicalType === 'array' ? entry.items : entry)?.logicalTypeOptions ?? {};
  return { minimum, maximum, exclusiveMinimum, exclusiveMaximum };
};

const itemKinds: Readonly<Record<string, NonNullable<Field['itemKind']>>> = { number: 'number', integer: 'integer', boolean: 'boolean', string: 'string' };

const itemKindOf = ({ logicalType, items }: Property): Pick<Field, 'itemKind'> => {
  const itemKind = logicalType === 'array' && items !== undefined ? itemKinds[items.logicalType] : undefined;
  return itemKind === undefined ? {} : { itemKind };
};

const fieldOf = (entry: Property, fault: FieldFault): Field => {
  const { acceptedUnits = {}, unit, timePart, timeZone, imputeValue } = readCustoms(entry, fault);
  const { multipleOf, minLength, maxLength, pattern } = entry.logicalTypeOptions;
  if (pattern !== undefined && !isPattern(pattern)) fault('logicalTypeOptions.pattern', pattern, 'a regular expression');
  const validValues = entry.quality.find((rule) => rule.metric === 'invalidValues')?.arguments?.validValues;
  return {
    name: entry.name,
    kind: entry.physicalType === 'base64-image' ? 'image' : entry.logicalType,
    required: entry.required,
    acceptedUnits,
    classification: entry.classification ?? 'internal',
    ...itemKindOf(entry),
    ...defined({ ...boundsOf(entry), multipleOf, minLength, maxLength, pattern, validValues, unit, timePart, timeZone, imputeValue }),
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
  for (const direction of ['input', 'output'] as const) {
    const isThere = parsed.data.schema.some((entry) => entry.physicalType === 'tensor' && custom(entry.customProperties, 'direction') === direction);
    if (!isThere)
      faults.push({
        file,
        field: 'schema',
        got: `no ${direction} tensor`,
        expected: `at least one object with physicalType tensor and direction ${direction}`,
      });
  }
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

const place = (entry: SchemaObject, fields: readonly Field[], collected: Collected): void => {
  const { fault } = collected;
  const direction = custom(entry.customProperties, 'direction');
  if (direction !== 'input' && direction !== 'output') fault('customProperties.direction', String(direction ?? 'nothing'), 'input or output');
  if (entry.physicalType !== 'tensor') {
    collected[entry.physicalType].push(...fields);
    return;
  }
  const spec = tensorSpec(entry, fields, fault);
  if (spec === null) return;
  if (direction === 'output') collected.outputs.push(spec);
  else {
    collected.inputs.push(spec);
    for (const field of fields) checkInputField(field, spec.datatype, fault);
  }
};

const tensorSpec = (entry: SchemaObject, fields: readonly Field[], fault: Collected['fault']): TensorSpec | null => {
  const raw = { oipDatatype: custom(entry.customProperties, 'oipDatatype'), oipShape: custom(entry.customProperties, 'oipShape') };
  const tensor = tensorCustoms.safeParse(raw);
  if (tensor.success) return { name: entry.physicalName ?? entry.name, datatype: tensor.data.oipDatatype, shape: tensor.data.oipShape, fields };
  fault('customProperties', JSON.stringify(raw), `oipDatatype of ${datatypes.join(', ')} and oipShape as a list of integers`);
  return null;
};

const checkInputField = (field: Field, datatype: Datatype, fault: Collected['fault']): void => {
  checkImpute(field, fault);
  checkInputKind(field, datatype, fault);
  if (field.kind === 'array' && !field.required) fault(`${field.name}.required`, 'false', 'true, since an array cannot be imputed');
  if (field.imputeValue !== undefined && !fits(field.imputeValue, datatype))
    fault(`${field.name}.imputeValue`, String(field.imputeValue), `a value that ${datatype} can hold`);
};

const checkInputKind = ({ name, kind, itemKind }: Field, datatype: Datatype, fault: Collected['fault']): void => {
  const single = kind === 'array' ? (itemKind ?? kind) : kind;
  const isText = single === 'string' || single === 'image';
  if (single === 'array' || single === 'object')
    fault(`${name}.logicalType`, kind, 'number, integer, boolean or string: one value a field; or an array with items of one of them');
  else if (datatype === 'BYTES' && !isText) fault(`${name}.logicalType`, single, 'string, since the tensor is BYTES');
  else if (datatype !== 'BYTES' && kind === 'array' && isText) fault(`${name}.items.logicalType`, single, `numbers, since the tensor is ${datatype}`);
};

const checkImpute = (field: Field, fault: Collected['fault']): void => {
  if (!field.required && field.imputeValue === undefined) fault(`${field.name}.required`, 'false without imputeValue', 'an imputeValue, or required: true');
  if (field.required && field.imputeValue !== undefined) fault(`${field.name}.imputeValue`, String(field.imputeValue), 'none, since the field is required');
};

/** The numbers that a tensor of each datatype can hold and JSON can tell apart; no bounds for text. */
export const datatypeLimits: Readonly<Record<Datatype, readonly [number, number]>> = {
  BOOL: [0, 1],
  UINT8: [0, 2 ** 8 - 1],
  UINT16: [0, 2 ** 16 - 1],
  UINT32: [0, 2 ** 32 - 1],
  UINT64: [0, Number.MAX_SAFE_INTEGER],
  INT8: [-(2 ** 7), 2 ** 7 - 1],
  INT16: [-(2 ** 15), 2 ** 15 - 1],
  INT32: [-(2 ** 31), 2 ** 31 - 1],
  INT64: [Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER],
  FP16: [-65_504, 65_504],
  FP32: [-3.4028234663852886e38, 3.4028234663852886e38],
  FP64: [-Number.MAX_VALUE, Number.MAX_VALUE],
  BYTES: [Number.NaN, Number.NaN],
};

/** Whether a datatype holds whole numbers only. */
export const isWhole = (datatype: Datatype): boolean => datatype.includes('INT') || datatype === 'BOOL';

/** Whether a number enters a tensor as a finite number, and a whole one if the tensor has only whole ones. */
const fits = (value: number, datatype: Datatype): boolean => {
  const [lowest, highest] = datatypeLimits[datatype];
  return datatype === 'BYTES' || (value >= lowest && value <= highest && (!isWhole(datatype) || Number.isInteger(value)));
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
