import { z } from 'zod';
import { checkContractField, type PlacedField } from './check-contract-field.ts';
import { type Field, type ModelContract, type TensorSpec, timeParts } from './contract.ts';
import { contractDomain, type FieldFault } from './contract-domain.ts';
import { type Datatype, datatypes, fits } from './datatype.ts';
import { checkDocument, type Fault } from './fault.ts';
import { contractSchema, type Property, type SchemaObject } from './odcs.ts';
import type { CustomProperties } from './odcs-parts.ts';

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

const readCustoms = (entry: Property, fault: FieldFault): Partial<z.infer<typeof fieldCustoms>> => {
  const raw = Object.fromEntries(entry.customProperties.map(({ property: name, value }) => [name, value]));
  const { value, faults } = checkDocument(fieldCustoms, '', raw);
  for (const { field, got, expected } of faults) fault(`customProperties.${field}`, got, expected);
  if (value === null) return {};
  if ((value.timePart === undefined) !== (value.timeZone === undefined)) fault('customProperties', 'only one of them', 'timeZone and timePart together');
  return value;
};

/** The limits of a value; those of an array are its items'. */
const limitsOf = (entry: Property) => {
  const { logicalTypeOptions = {} } = (entry.logicalType === 'array' ? entry.items : entry) ?? {};
  const { minimum, maximum, exclusiveMinimum, exclusiveMaximum, multipleOf, minLength, maxLength } = logicalTypeOptions;
  const uniqueItems = entry.logicalTypeOptions.uniqueItems === true ? (true as const) : undefined;
  return { minimum, maximum, exclusiveMinimum, exclusiveMaximum, multipleOf, minLength, maxLength, uniqueItems };
};

const itemKinds: Readonly<Record<string, NonNullable<Field['itemKind']>>> = { number: 'number', integer: 'integer', boolean: 'boolean', string: 'string' };

const itemKindOf = ({ logicalType, items }: Property): Pick<Field, 'itemKind'> => {
  const itemKind = logicalType === 'array' && items !== undefined ? itemKinds[items.logicalType] : undefined;
  return itemKind === undefined ? {} : { itemKind };
};

const fieldOf = (entry: Property, fault: FieldFault): Field => {
  const { acceptedUnits = {}, unit, timePart, timeZone, imputeValue } = readCustoms(entry, fault);
  return {
    name: entry.name,
    kind: entry.physicalType === 'base64-image' ? 'image' : entry.logicalType,
    required: entry.required,
    acceptedUnits,
    classification: entry.classification ?? 'internal',
    ...itemKindOf(entry),
    ...defined({ ...limitsOf(entry), ...contractDomain(entry, fault), unit, timePart, timeZone, imputeValue }),
  };
};

const tensorCustoms = z.object({ oipDatatype: z.enum(datatypes), oipShape: z.array(z.int().min(-1)).min(1) });

/**
 * Reads a parsed ODCS document into the contract that the gateway executes.
 *
 * @returns the contract, or every fault found.
 */
export const readContract = (file: string, document: unknown): { readonly contract?: ModelContract; readonly faults: readonly Fault[] } => {
  const { value: contract, faults: schemaFaults } = checkDocument(contractSchema, file, document);
  if (contract === null) return { faults: schemaFaults };
  const faults: Fault[] = [];
  const collected = { inputs: [] as TensorSpec[], outputs: [] as TensorSpec[], passThrough: [] as Field[], derived: [] as Field[] };
  for (const entry of contract.schema) {
    const fault = (field: string, got: string, expected: string) => faults.push({ file, field: `schema.${entry.name}.${field}`, got, expected });
    const fields = entry.properties.map((one) => fieldOf(one, (field, got, expected) => fault(`${one.name}.${field}`, got, expected)));
    place(entry, fields, { ...collected, fault });
  }
  for (const direction of ['input', 'output'] as const) {
    const isThere = contract.schema.some((entry) => entry.physicalType === 'tensor' && custom(entry.customProperties, 'direction') === direction);
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
  return { contract: { id: contract.id, version: contract.version, ...collected }, faults };
};

interface Collected {
  readonly inputs: TensorSpec[];
  readonly outputs: TensorSpec[];
  readonly passThrough: Field[];
  readonly derived: Field[];
  readonly fault: FieldFault;
}

const directionOf = (entry: SchemaObject, fault: FieldFault): 'input' | 'output' => {
  const direction = custom(entry.customProperties, 'direction');
  if (direction !== 'input' && direction !== 'output') fault('customProperties.direction', String(direction ?? 'nothing'), 'input or output');
  return direction === 'output' ? 'output' : 'input';
};

const place = (entry: SchemaObject, fields: readonly Field[], collected: Collected): void => {
  const { fault } = collected;
  checkObjectRules(entry, fault);
  const direction = directionOf(entry, fault);
  if (entry.physicalType === 'derived') {
    collected.derived.push(...fields);
    return;
  }
  const spec = entry.physicalType === 'tensor' ? tensorSpec(entry, fields, fault) : null;
  if (entry.physicalType === 'passThrough') collected.passThrough.push(...fields);
  else if (spec === null) return;
  else collected[`${direction}s`].push(spec);
  if (spec !== null && direction === 'input') for (const field of fields) checkInputField(field, spec.datatype, fault);
  checkFields(entry, { fields, direction, spec }, fault);
};

type Placed = Pick<PlacedField, 'direction' | 'spec'> & { readonly fields: readonly Field[] };

const checkFields = ({ properties }: SchemaObject, { fields, ...where }: Placed, fault: FieldFault): void => {
  for (const [index, entry] of properties.entries()) {
    const field = fields[index];
    if (field !== undefined) checkContractField({ ...where, field, entry }, (at, got, expected) => fault(`${field.name}.${at}`, got, expected));
  }
};

/** A value is one of a field. */
const checkObjectRules = ({ quality }: SchemaObject, fault: FieldFault): void => {
  for (const [index, { metric }] of quality.entries())
    if (metric === 'invalidValues') fault(`quality.${index}`, 'invalidValues of a whole object', 'the rule at the field that it is about');
};

const tensorSpec = (entry: SchemaObject, fields: readonly Field[], fault: Collected['fault']): TensorSpec | null => {
  const raw = { oipDatatype: custom(entry.customProperties, 'oipDatatype'), oipShape: custom(entry.customProperties, 'oipShape') };
  const { value } = checkDocument(tensorCustoms, '', raw);
  if (value !== null) return { name: entry.physicalName ?? entry.name, datatype: value.oipDatatype, shape: value.oipShape, fields };
  fault('customProperties', JSON.stringify(raw), `oipDatatype of ${datatypes.join(', ')} and oipShape as a list of integers`);
  return null;
};

const checkInputField = (field: Field, datatype: Datatype, fault: Collected['fault']): void => {
  checkImpute(field, fault);
  checkInputKind(field, datatype, fault);
  if (field.kind === 'array' && !field.required) fault(`${field.name}.required`, 'false', 'true, since an array cannot be imputed');
  if (isPlainText(field, datatype) && !field.required) fault(`${field.name}.required`, 'false', 'true, since no number stands in for a text');
  if (field.imputeValue !== undefined && !fits(field.imputeValue, datatype))
    fault(`${field.name}.imputeValue`, String(field.imputeValue), `a value that ${datatype} can hold`);
};

/** Text that is not encoded as a number. */
const isPlainText = ({ kind }: Field, datatype: Datatype): boolean => kind === 'image' || (kind === 'string' && datatype === 'BYTES');

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
