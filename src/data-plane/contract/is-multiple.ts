import type { Rounding } from './rounded-limits.ts';

/** Room for the rounding of decimal steps such as 0.01, which no double holds exactly: absolute for small quotients, two units in the last place for large ones. */
export const isMultiple = (value: number, step: number): boolean => {
  const quotient = value / step;
  return Math.abs(quotient - Math.round(quotient)) <= Math.max(1e-9, Math.abs(quotient) * 2 * Number.EPSILON);
};

/** Whether a value is a multiple of the step, or what a datatype makes of one. */
export const isRoundedMultiple = (value: number, step: number, round: Rounding): boolean =>
  isMultiple(value, step) || round(Math.round(value / step) * step) === value;
