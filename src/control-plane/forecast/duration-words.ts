/** A time in the words of a plan, rounded up: `90s`, `45m`, `20h`, `3d`. */
export const durationWords = (seconds: number): string => {
  if (seconds >= 2 * 86_400) return `${Math.ceil(seconds / 86_400)}d`;
  if (seconds >= 2 * 3_600) return `${Math.ceil(seconds / 3_600)}h`;
  return seconds >= 120 ? `${Math.ceil(seconds / 60)}m` : `${Math.ceil(seconds)}s`;
};
