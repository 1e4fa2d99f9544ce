/** Rules that a contract may write of a field, and that hold where the field stands: each is one that the gateway enforces there, or a fault. */
import { type Field, type TensorSpec, widthOf } from './contract.ts';
import type { FieldFault } from './contract-domain.ts';
import { type Datatype, datatypeLimits } from './datatype.ts';
import type { Property } from './odcs.ts';

/** A field with its place in the contract. */
export interface PlacedField {
  readonly field: Field;
  readonly entry: Property;
  readonly direction: 'input' | 'output';
  /** Null for a field that is in no tensor. */
  readonly spec: Pick<TensorSpec, 'datatype' | 'shape'> | null;
}

const singleKinds: readonly (string | undefined)[] = ['number', 'integer', 'boolean', 'string'];
const isList = ({ field }: PlacedField): boolean => field.kind === 'array';
const oneKind = 'number, integer, boolean or string: one value a field';

/** Kinds of which the gateway knows the values. Inputs of a tensor have a check of their own. */
const checkKind = ({ field, entry, direction, spec }: PlacedField, fault: FieldFault): void => {
  if (field.kind === 'object' || (field.kind === 'array' && spec === null)) fault('logicalType', field.kind, oneKind);
  const items = entry.items?.logicalType;
  if (spec === null || direction === 'input') return;
  if (items !== undefined && !singleKinds.includes(items)) fault('items.logicalType', items, 'number, integer, boolean or string: a list is flat');
};

const executed = ['acceptedUnits', 'timePart', 'timeZone', 'imputeValue'] as const;

/** Why nothing can stand for another value in this place; null where it can. */
const unconverted = ({ field, direction, spec }: PlacedField): string | null => {
  if (spec === null) return 'none, since the value comes back as it was sent';
  if (direction === 'output') return 'none, since answers are given as the contract says';
  if (field.kind === 'array') return 'none, since the items of a list are plain numbers or texts';
  return field.kind === 'string' || field.kind === 'image' ? 'none, since the field is text' : null;
};

const checkConversions = (placed: PlacedField, fault: FieldFault): void => {
  const { field, entry, direction, spec } = placed;
  const reason = unconverted(placed);
  const isInput = spec !== null && direction === 'input';
  // What stands in for null in an input is held against its tensor elsewhere.
  const names = executed.filter((name) => !(isInput && name === 'imputeValue'));
  if (reason !== null) {
    if (Object.keys(field.acceptedUnits).length > 0) fault('customProperties.acceptedUnits', Object.keys(field.acceptedUnits).join(', '), reason);
    for (const name of names.filter((one) => one !== 'acceptedUnits' && field[one] !== undefined))
      fault(`customProperties.${name}`, String(field[name]), reason);
  }
  for (const { property } of entry.items?.customProperties ?? [])
    if ((executed as readonly string[]).includes(property)) fault(`items.customProperties.${property}`, property, 'none, since items are not converted');
};

/** A list is a row of its tensor, so its length is known before any request. */
const checkLength = ({ entry, spec }: PlacedField, fault: FieldFault): void => {
  if (spec === null || entry.logicalType !== 'array') return;
  const width = widthOf(spec);
  const { minItems = 0, maxItems = width } = entry.logicalTypeOptions;
  if (minItems > width) fault('logicalTypeOptions.minItems', String(minItems), `at most ${width}, the tensor's width`);
  if (maxItems < width) fault('logicalTypeOptions.maxItems', String(maxItems), `at least ${width}, the tensor's width`);
};

type Range = readonly [number, number];

const rangeOfFormat = (format: string): Range => {
  if (format === 'f32') return datatypeLimits.FP32;
  if (format === 'f64') return datatypeLimits.FP64;
  const bits = Number(format.slice(1));
  return format.startsWith('u') ? [0, 2 ** bits - 1] : [-(2 ** (bits - 1)), 2 ** (bits - 1) - 1];
};

/** Lists and answers have whole numbers of all 64 bits. */
const wideLimits: Partial<Readonly<Record<Datatype, Range>>> = { INT64: [-(2 ** 63), 2 ** 63], UINT64: [0, 2 ** 64] };

/** The numbers that bounds and tensor let through. */
const heldRange = (placed: PlacedField): Range => {
  const { field, direction, spec } = placed;
  const { minimum = -Infinity, maximum = Infinity, exclusiveMinimum = -Infinity, exclusiveMaximum = Infinity } = field;
  const datatype = spec?.datatype ?? 'FP64';
  const isWide = isList(placed) || direction === 'output';
  const [lowest, highest] = (isWide ? wideLimits[datatype] : undefined) ?? datatypeLimits[datatype];
  const [least, most] = field.kind === 'integer' && !isWide ? datatypeLimits.INT64 : [lowest, highest];
  return [Math.max(minimum, exclusiveMinimum, lowest, least), Math.min(maximum, exclusiveMaximum, highest, most)];
};

/** A format is held when the bounds and the tensor leave nothing else; text of a format is held by a pattern alone. */
const checkFormat = (placed: PlacedField, fault: FieldFault): void => {
  const { entry } = placed;
  const [{ logicalType, logicalTypeOptions } = entry, at] = isList(placed)
    ? [entry.items, 'items.logicalTypeOptions.format']
    : [entry, 'logicalTypeOptions.format'];
  const { format } = logicalTypeOptions;
  if (format === undefined) return;
  if (logicalType === 'string') {
    fault(at, format, 'no format: a pattern says which texts are taken');
    return;
  }
  const [low, high] = rangeOfFormat(format);
  const [least, most] = heldRange(placed);
  if (least < low || most > high) fault(at, format, `a minimum and a maximum within ${low} to ${high}, or no format`);
};

const checks = [checkKind, checkConversions, checkLength, checkFormat];

/** Finds the rules of a field that nothing would hold it to. Limits of derived fields only describe what the manifest's steps make. */
export const checkContractField = (placed: PlacedField, fault: FieldFault): void => {
  for (const check of checks) check(placed, fault);
};
