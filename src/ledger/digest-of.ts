import { createHash } from 'node:crypto';
import { canonicalJson } from './canonical-json.ts';

/**
 * SHA-256 over the canonical form of a value, in hexadecimal: names the rules of a rollout.
 * @throws TypeError for what has no JSON form
 */
export const digestOf = (value: unknown): string => createHash('sha256').update('handoff-ledger/1 rules\n').update(canonicalJson(value)).digest('hex');
