/** The contract of a first bundle: what a signature, and perhaps a sample, say of each value. */
import { widthOf } from './contract.ts';
import { type Datatype, datatypes, isWhole } from './datatype.ts';

/** An input or output of the model; -1 stands for a variable dimension. */
export interface DraftTensor {
  readonly name: string;
  readonly datatype: string;
  readonly shape: readonly number[];
  /** The fields that are its columns; absent: one field of its name, a list if a row has several values. */
  readonly fields?: readonly DraftField[];
}

/** A named value of a row, as far as it is known. */
export interface DraftField {
  readonly name: string;
  readonly logicalType: 'number' | 'integer' | 'boolean' | 'string';
  /** Values in one row's list; 1 for a value that is no list. */
  readonly width: number;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly maxLength?: number;
  readonly validValues?: readonly string[];
  /** Stands in for null; absent: the field may not be null. */
  readonly imputeValue?: number;
  readonly example?: number | string | boolean;
  /** What is known of it, in a sentence. */
  readonly known?: string;
}

/** What a first bundle says where its owners must decide; the checklist finds it. */
export const toBeFilledIn = 'to be filled in';

/** Why a tensor cannot be described, or null when it can. */
export const undraftable = ({ name, datatype, shape }: DraftTensor): string | null => {
  if (!(datatypes as readonly string[]).includes(datatype)) return `${name}: got datatype ${datatype}, expected one of ${datatypes.join(', ')}`;
  if (shape[0] !== -1) return `${name}: got shape [${shape.join(', ')}], expected -1 as the first dimension, the rows`;
  return shape.slice(1).some((size) => size < 1) ? `${name}: got shape [${shape.join(', ')}], expected known sizes after the rows` : null;
};

export const logicalTypeOf = (datatype: string): DraftField['logicalType'] => {
  if (datatype === 'BYTES') return 'string';
  if (datatype === 'BOOL') return 'boolean';
  return isWhole(datatype as Datatype) ? 'integer' : 'number';
};

/** The fields of a tensor: its own, or the one that its name and width make. */
export const fieldsOf = (tensor: DraftTensor): readonly DraftField[] =>
  tensor.fields ?? [{ name: tensor.name, logicalType: logicalTypeOf(tensor.datatype), width: widthOf(tensor) }];

const optionsOf = ({ minimum, maximum, maxLength }: DraftField) => {
  const options = Object.entries({ minimum, maximum, maxLength }).filter(([, value]) => value !== undefined);
  return options.length === 0 ? {} : { logicalTypeOptions: Object.fromEntries(options) };
};

const typeOf = (field: DraftField) => {
  const { logicalType, width } = field;
  if (width === 1) return { logicalType, required: field.imputeValue === undefined, ...optionsOf(field) };
  const items = { logicalType, ...optionsOf(field) };
  return { logicalType: 'array', required: true, logicalTypeOptions: { minItems: width, maxItems: width }, items };
};

/** One value a row is a field; more are one field, a list. */
const propertyOf = (field: DraftField) => ({
  name: field.name,
  ...typeOf(field),
  description: `${toBeFilledIn}: meaning, unit and range.${field.known === undefined ? '' : ` ${field.known}`}`,
  classification: 'internal',
  ...(field.example === undefined ? {} : { examples: [field.example] }),
  ...(field.validValues === undefined
    ? {}
    : { quality: [{ type: 'library', metric: 'invalidValues', arguments: { validValues: [...field.validValues] }, mustBe: 0 }] }),
  ...(field.imputeValue === undefined ? {} : { customProperties: [{ property: 'imputeValue', value: field.imputeValue }] }),
});

const schemaOf = (tensor: DraftTensor, direction: 'input' | 'output') => ({
  name: `${direction}_${tensor.name}`,
  logicalType: 'object',
  physicalType: 'tensor',
  physicalName: tensor.name,
  customProperties: [
    { property: 'direction', value: direction },
    { property: 'oipDatatype', value: tensor.datatype },
    { property: 'oipShape', value: [...tensor.shape] },
  ],
  properties: fieldsOf(tensor).map(propertyOf),
});

/** What a contract is drafted from. */
export interface ContractDraft {
  readonly model: string;
  readonly version: string;
  readonly inputs: readonly DraftTensor[];
  readonly outputs: readonly DraftTensor[];
  /** Identifier of the contract. */
  readonly contractId: string;
}

/** The contract as a document. Every tensor must be one that `undraftable` lets through. */
export const draftContract = ({ model, version, inputs, outputs, contractId }: ContractDraft) => ({
  apiVersion: 'v3.1.0',
  kind: 'DataContract',
  id: contractId,
  name: model.replaceAll('-', '_'),
  version,
  status: 'draft',
  description: { purpose: toBeFilledIn, limitations: toBeFilledIn, usage: toBeFilledIn },
  schema: [...inputs.map((tensor) => schemaOf(tensor, 'input')), ...outputs.map((tensor) => schemaOf(tensor, 'output'))],
});
