import { z } from 'zod';

const unitsMs = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** A duration as text such as `30s`, `10m`, `72h` or `8d`. */
const format = /^\d+(ms|s|m|h|d)$/;

/** Milliseconds of a text that `durationText` took. */
export const durationMsOf = (text: string): number => Number.parseInt(text, 10) * unitsMs[text.replace(/^\d+/, '') as keyof typeof unitsMs];

/** Ten years: nobody waits longer, and every time that is so far away can be said. */
const longestDays = 3_650;

/** A duration that stays text once parsed. `expected` is the message of a text that is none. */
export const durationText = (expected: string) =>
  z
    .string()
    .regex(format, { error: expected, abort: true })
    .refine((text) => durationMsOf(text) <= longestDays * unitsMs.d, `at most ${longestDays}d`);

/** A duration that is milliseconds once parsed. `expected` is the message of a text that is none. */
export const durationMs = (expected: string) => durationText(expected).transform(durationMsOf);
