/** How many requests of a steady rate fall in a second of the clock, counted from 0: what is left of a request is due in a later second. */
export const requestsDue = (second: number, perSecond: number): number => Math.round(perSecond * (second + 1)) - Math.round(perSecond * second);
