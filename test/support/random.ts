/*
 * Seeded chance for simulations: sfc32 seeded by four outputs of splitmix32, after 12 warm-up draws.
 */

const splitmix32 = (seed: number) => {
  let a = seed | 0;
  return (): number => {
    a = (a + 0x9e3779b9) | 0;
    let t = a ^ (a >>> 16);
    t = Math.imul(t, 0x21f0aaad);
    t ^= t >>> 15;
    t = Math.imul(t, 0x735a2d97);
    return (t ^ (t >>> 15)) >>> 0;
  };
};

export interface Random {
  /** Unsigned 32-bit integer. */
  u32(): number;
  /** Uniform in [0, 1). */
  uniform(): number;
  /** Standard normal. */
  normal(): number;
  /** Trials up to and including the first success; at least 1. */
  geometric(p: number): number;
  /** Successes in n trials; O(n p). */
  binomial(n: number, p: number): number;
}

export const createRandom = (seed: number): Random => {
  const next = splitmix32(seed);
  let [a, b, c, d] = [next() | 0, next() | 0, next() | 0, next() | 0];
  const u32 = (): number => {
    const t = (((a + b) | 0) + d) | 0;
    d = (d + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (c << 21) | (c >>> 11);
    c = (c + t) | 0;
    return t >>> 0;
  };
  for (let draw = 0; draw < 12; draw += 1) u32();
  const uniform = (): number => u32() / 2 ** 32;
  let spare: number | null = null;
  const normal = (): number => {
    if (spare !== null) {
      const kept = spare;
      spare = null;
      return kept;
    }
    const radius = Math.sqrt(-2 * Math.log(1 - uniform()));
    const angle = 2 * Math.PI * uniform();
    spare = radius * Math.sin(angle);
    return radius * Math.cos(angle);
  };
  const geometric = (p: number): number => (p >= 1 ? 1 : 1 + Math.floor(Math.log(1 - uniform()) / Math.log1p(-p)));
  const binomial = (n: number, p: number): number => {
    let successes = 0;
    for (let at = geometric(p); at <= n; at += geometric(p)) successes += 1;
    return successes;
  };
  return { u32, uniform, normal, geometric, binomial };
};
