/*
 * How compared requests are drawn, apart from the share that a plan names. The data plane draws by it, the control plane reads and forecasts by it.
 */

/** At most so many pairs begin in a second; why: decision 0018. */
export const maxPairsPerSecond = 50;

/**
 * While a criterion asks how often outputs differ, a fresh unsigned 32-bit draw below this makes a compared request a pair of the baseline with
 * itself: one in five. Fewer would leave more pairs to the other tests, but the rollback bets on differences can lose 1 / share at a time.
 */
export const selfPairThreshold = Math.ceil(0.2 * 2 ** 32);

/** The exact probability with which such a request is run by both versions. */
export const versionsProbability = 1 - selfPairThreshold / 2 ** 32;
