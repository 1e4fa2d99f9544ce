import { convertUnit } from '../bundle/contract.ts';
import type { RequestField } from '../data-plane/contract/compile-contract.ts';
import type { CompiledField } from '../data-plane/contract/compile-field.ts';

/**
 * A field as clients of an older version know it, for a `columnReader`: their numbers are held against its limits once the
 * migration has converted them. The bounds of the field itself say nothing of such a number, so it gets a step: where there
 * is one, whoever reads a number asks `holds`.
 */
export const inOlderUnit = (column: RequestField): CompiledField => {
  const factor = column.migration?.factor;
  if (factor === undefined) return column;
  const { field, holds } = column;
  const { multipleOf = 1, imputeValue } = field;
  return {
    ...column,
    field: { ...field, multipleOf: multipleOf / factor, ...(imputeValue === undefined ? {} : { imputeValue: convertUnit(imputeValue, 1 / factor) }) },
    holds: (value) => holds(typeof value === 'number' ? convertUnit(value, factor) : value),
  };
};
