import { type ComparedField, differenceOf, type Rule } from '../difference.ts';

/** Under which name clients of the Open Inference Protocol ask for a field and find it. */
const nameOf = ({ tensor, name }: ComparedField): string => tensor ?? name;

/** What clients of the Open Inference Protocol see of an output beside its values. They name inputs as the baseline does, so that those need not agree. */
export const outputTensor: Rule = (before, after) => {
  if (after.side === 'input') return [];
  const [was, is] = [nameOf(before), nameOf(after)];
  const isHalf = after.datatype === 'FP16' && before.datatype !== 'FP16';
  return [
    ...differenceOf(was === is ? null : 'different', `is in the output ${is}, was in ${was}`),
    ...differenceOf(isHalf ? 'different' : null, `is FP16, which has no JSON form, was ${before.datatype ?? before.kind}`),
  ];
};
