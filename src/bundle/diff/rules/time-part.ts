import { differenceOf, type Rule } from '../difference.ts';

/** Which part of a time stamp is read, and where the clock hangs. */
export const timePart: Rule = (before, after) => {
  const [was, is] = [before, after].map(({ timePart: part, timeZone }) => (part === undefined ? null : `${part} in ${timeZone}`));
  if (was === is) return [];
  if (was == null) return differenceOf('wider', `may be a time stamp now, read as ${is}`);
  if (is == null) return differenceOf('narrower', `may not be a time stamp any more, was read as ${was}`);
  return differenceOf('meaning', `a time stamp is read as ${is}, was ${was}`);
};
