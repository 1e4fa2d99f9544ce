/** What does not agree, in words; null when all does. */
export type Disagreement = string | null;

/** Sums in another order differ in the last digits. */
const tolerance = 1e-9;

/** Whether two numbers are the same but for their last digits. */
export const isNear = (a: number, b: number): boolean => a === b || Math.abs(a - b) <= tolerance * Math.max(1, Math.abs(a), Math.abs(b));

/** Holds what an entry states against what follows from the entries. */
export const held = (what: string, stated: number | string | boolean | null, found: number | string | boolean | null): Disagreement => {
  const same = typeof stated === 'number' && typeof found === 'number' ? isNear(stated, found) : stated === found;
  return same ? null : `${what}: it states ${stated}, from the entries follows ${found}`;
};

/** As {@link held}, for what entries of earlier gateways do not state. */
export const heldIfStated = (what: string, stated: Parameters<typeof held>[1] | undefined, found: Parameters<typeof held>[2]): Disagreement =>
  stated === undefined ? null : held(what, stated, found);

/** The first disagreement; null without any. */
export const firstOf = (disagreements: Iterable<Disagreement>): Disagreement => {
  for (const disagreement of disagreements) if (disagreement !== null) return disagreement;
  return null;
};

/** As it can be written in JSON. */
export const finite = (value: number): number | null => (Number.isFinite(value) ? value : null);
