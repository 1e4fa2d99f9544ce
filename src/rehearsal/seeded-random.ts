/** Chance from a seed: the same seed gives the same rehearsal. */
export interface SeededRandom {
  /** Unsigned 32-bit integer. */
  readonly u32: () => number;
  /** Uniform in [0, 1). */
  readonly uniform: () => number;
}

const warmUpDraws = 12;

/** sfc32, seeded by four outputs of splitmix32 and warmed up. @see Chris Doty-Humphrey, PractRand */
export const createSeededRandom = (seed: number): SeededRandom => {
  let state = seed | 0;
  const splitmix = (): number => {
    state = (state + 0x9e3779b9) | 0;
    let mixed = Math.imul(state ^ (state >>> 16), 0x21f0aaad);
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97);
    return (mixed ^ (mixed >>> 15)) | 0;
  };
  let [a, b, c, d] = [splitmix(), splitmix(), splitmix(), splitmix()];
  const u32 = (): number => {
    const sum = (((a + b) | 0) + d) | 0;
    d = (d + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + sum) | 0;
    return sum >>> 0;
  };
  for (let draw = 0; draw < warmUpDraws; draw += 1) u32();
  return { u32, uniform: () => u32() / 2 ** 32 };
};
