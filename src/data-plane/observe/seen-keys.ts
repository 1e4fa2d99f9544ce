import { createKeyFilter, type KeyFilter, seenKeysSize } from './key-filter.ts';
import type { KeyHash } from './key-hash.ts';

/*
 * Sticky traffic: the unit of evidence is the first request of a key, and once more when a raised weight could have moved it. A request of a key
 * that counted at weight w1 tells nothing new at w2 <= w1; at w2 > w1 it does when its draw u >= w1, for then its arm was not settled by w1.
 * The highest weight held decides, not the last one: a weight lowered and raised again would otherwise count keys whose arm is known.
 */

/** One evidence request with a routing key: eligible, neither matched nor pinned. */
export interface KeyedRequest {
  readonly key: KeyHash;
  /** The key's draw u, an unsigned 32-bit integer: candidate if it is below the threshold. */
  readonly draw: number;
}

/** Which keyed requests count, and with which probability of the candidate. */
export interface SeenKeys {
  /**
   * Looks the key up and enters it. To be called once per evidence request, in the order in which the leader receives them.
   *
   * @param threshold the weight in force as a threshold T, an integer from 0 to 2^32
   * @returns the exact probability w2, or (w2 - w1) / (1 - w1), with which the request went to the candidate; null when it does not count
   */
  count(request: KeyedRequest, threshold: number): number | null;
}

const u32Range = 2 ** 32;

/** Makes the seen keys of a filter: an empty one by default. An entry's tag is the threshold with which its key counted. */
export const createSeenKeys = (filter: KeyFilter = createKeyFilter(seenKeysSize)): SeenKeys => {
  const highestHeld = (key: KeyHash): number => filter.tags.findLast((threshold) => filter.has(key, threshold)) ?? 0;

  return {
    count: ({ key, draw }, threshold) => {
      if (threshold <= 0 || !filter.takes(key)) return null;
      const held = highestHeld(key);
      if (threshold <= held || draw < held) return null;
      filter.enter(key, threshold);
      return (threshold - held) / (u32Range - held);
    },
  };
};
