import { isWhole } from '../../datatype.ts';
import { type ComparedField, differenceOf, type Rule } from '../difference.ts';

/** The kind of the items of a list: as the contract says, or what its tensor holds. */
const itemsOf = ({ itemKind, datatype }: ComparedField): string => {
  if (itemKind !== undefined) return itemKind;
  if (datatype === null) return 'anything';
  return datatype === 'BYTES' ? 'string' : 'number';
};

/** The kind of a single value, or of a list's items: a tensor of integers takes whole numbers only, whatever the contract calls them. */
const singleOf = (field: ComparedField): string => {
  const single = field.kind === 'array' ? itemsOf(field) : field.kind;
  return single === 'number' && field.datatype !== null && isWhole(field.datatype) ? 'integer' : single;
};

/** Integers are numbers; every other pair of kinds has no value in common, and neither have a value and a list. */
export const kind: Rule = (before, after) => {
  const [isList, wasList] = [after.kind === 'array', before.kind === 'array'];
  const [was, is] = [singleOf(before), singleOf(after)];
  if (was === is && wasList === isList) return [];
  const words = (list: boolean, single: string): string => (list ? `array of ${single}` : single);
  const reason = `is of kind ${words(isList, is)}, was ${words(wasList, was)}`;
  if (wasList !== isList) return differenceOf('different', reason);
  if (was === 'integer' && is === 'number') return differenceOf('wider', reason);
  return differenceOf(was === 'number' && is === 'integer' ? 'narrower' : 'different', reason);
};
