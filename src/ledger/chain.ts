import { createHash, createHmac } from 'node:crypto';
import { canonicalJson } from './canonical-json.ts';
import type { LedgerContent, LedgerEntry, LedgerHead, LedgerSeal } from './ledger-entry.ts';
import type { LedgerKey } from './ledger-key.ts';

/** The hash before the first entry. */
export const genesisHash = '0'.repeat(64);

// Each input of a hash begins with its purpose, so that no hash of one kind can stand for another.
const hashDomain = 'handoff-ledger/1 entry\n';
const macDomain = 'handoff-ledger/1 mac\n';

/** The hash of an entry: over the canonical form of all its members but `hash` and `mac`. */
export const hashOf = (entry: Omit<LedgerSeal, 'hash' | 'mac'>): string => createHash('sha256').update(hashDomain).update(canonicalJson(entry)).digest('hex');

/** The authentication of an entry: over its hash, hence over all of it and all before it. */
export const macOf = (hash: string, key: LedgerKey): string => createHmac('sha256', key.bytes).update(macDomain).update(hash).digest('hex');

/** Where an entry goes and with what it is sealed. */
interface Place {
  /** The newest entry so far; null when there is none. */
  readonly head: LedgerHead | null;
  readonly key: LedgerKey;
}

/**
 * Seals content as the entry after `head`. Pure: whoever stores it must see to it that `head` is still the newest.
 * @throws TypeError for content that has no JSON form
 */
export const linkEntry = (content: LedgerContent, { head, key }: Place): LedgerEntry => {
  const { at, model, rollout, kind, body } = content;
  const unsealed = {
    format: 1,
    sequence: (head?.sequence ?? 0) + 1,
    at,
    model,
    rollout,
    kind,
    body,
    prevHash: head?.hash ?? genesisHash,
    keyId: key.id,
  } as const;
  const hash = hashOf(unsealed);
  // Kind and body come from one content, which the compiler cannot follow through the copy.
  return { ...unsealed, hash, mac: macOf(hash, key) } as LedgerEntry;
};
