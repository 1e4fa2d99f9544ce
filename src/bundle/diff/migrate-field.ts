import { convertUnit } from '../contract.ts';
import type { Migration } from '../manifest.ts';
import type { ComparedField } from './difference.ts';

const scaled = (value: number | undefined, factor: number): number | undefined => (value === undefined ? undefined : convertUnit(value, factor));

const boundNames = ['minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum', 'multipleOf'] as const;

/** A field of the older version in the unit of the newer: bounds, domain and the factors of named units. */
const inNewUnit = (before: ComparedField, factor: number, unit: string | undefined): ComparedField => {
  const bounds = Object.fromEntries(boundNames.flatMap((name) => (before[name] === undefined ? [] : [[name, scaled(before[name], factor)]])));
  const named = { ...before.acceptedUnits, ...(before.unit === undefined ? {} : { [before.unit]: 1 }) };
  const { unit: _, ...rest } = before;
  return {
    ...rest,
    ...bounds,
    ...(before.validValues === undefined
      ? {}
      : { validValues: before.validValues.map((value) => (typeof value === 'number' ? (scaled(value, factor) ?? value) : value)) }),
    // A named unit is not multiplied by the migration: the newer version reads it by its own list, which the rules hold against this one.
    acceptedUnits: Object.fromEntries(Object.entries(named).map(([name, own]) => [name, scaled(own, factor) ?? own])),
    ...(unit === undefined ? {} : { unit }),
  };
};

/**
 * A field of the older version as a declared migration hands it to the newer one. What an older client could send, the newer
 * version then gets in this form.
 */
export const migratedField = (before: ComparedField, entry: Migration | undefined, after: ComparedField): ComparedField => {
  if (entry === undefined) return before;
  const named = { ...before, name: after.name, ...(entry.default === undefined ? {} : { required: true }) };
  // An own value comes first: a field that the older version had under this name is not converted.
  return entry.factor === undefined || before.name === after.name ? named : inNewUnit(named, entry.factor, after.unit);
};
