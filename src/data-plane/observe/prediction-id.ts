/**
 * Prediction ids carry what a later outcome needs to join its arm, so that nothing is stored per request. Layout, big-endian:
 * format u8, key id 4 bytes, arm u8, evidence u8, epoch u32, time u48 ms, probability f64, score u16, routing-key hash
 * 8 bytes, serial 8 bytes, then model, version and rollout id each as length u8 + ASCII, then the first 16 bytes of an
 * HMAC-SHA-256 over all of it. Written as base64url. Only the gateway can verify it, and no personal data is in it.
 */
import { createHmac, hash, timingSafeEqual } from 'node:crypto';
import { createMac } from './mac.ts';

const format = 1;
const fixedBytes = 43;
const macBytes = 16;
const arms = [null, 'baseline', 'candidate'] as const;
/** `none`: no evidence; `unit`: an evidence request; `later`: a later request of a key that already counted. */
const evidenceClasses = ['none', 'unit', 'later'] as const;
const noScore = 0xffff;
const largestScore = 0xfffe;

export interface PredictionFacts {
  readonly model: string;
  readonly version: string;
  readonly rollout: string | null;
  readonly arm: (typeof arms)[number];
  readonly evidence: (typeof evidenceClasses)[number];
  readonly epoch: number;
  /** Wall time of the assignment, milliseconds since the epoch. */
  readonly assignedAtMs: number;
  /** Recorded probability with which the request went to the candidate: of a unit the exact one, of any other that of the weight in force. */
  readonly probability: number;
  /** Keyed hash of the routing key (`hashKey`): the key itself is personal data and not in the id. */
  readonly routingKeyHash: string | null;
  /** A score in [0, 1], kept in 65,535 steps; null when the model has none. */
  readonly score: number | null;
}

export interface PredictionIds {
  readonly mint: (facts: PredictionFacts) => string;
  /** The facts of an id that this key made, or null for any other text. */
  readonly verify: (id: string) => PredictionFacts | null;
  /** The keyed 64-bit hash of a routing key, 16 hexadecimal characters. */
  readonly hashKey: (routingKey: string) => string;
}

export interface PredictionIdDeps {
  /** 32 secret bytes. */
  readonly key: Buffer;
  /** 4 random bytes that tell this life of the process from any other. */
  readonly incarnation: Buffer;
}

const noKeyHash = Buffer.alloc(8);

export const createPredictionIds = ({ key, incarnation }: PredictionIdDeps): PredictionIds => {
  const keyId = hash('sha256', key, 'buffer').subarray(0, 4);
  const routingSecret = createHmac('sha256', key).update('routing-key').digest('hex');
  const mac = createMac(key);
  const macOf = (bytes: Uint8Array): string => mac(bytes).slice(0, macBytes);
  let serial = 0;

  const writeFixed = (bytes: Buffer, facts: PredictionFacts): void => {
    bytes.writeUInt8(format, 0);
    bytes.set(keyId, 1);
    bytes.writeUInt8(arms.indexOf(facts.arm), 5);
    bytes.writeUInt8(evidenceClasses.indexOf(facts.evidence), 6);
    bytes.writeUInt32BE(facts.epoch, 7);
    bytes.writeUIntBE(Math.floor(facts.assignedAtMs), 11, 6);
    bytes.writeDoubleBE(facts.probability, 17);
    bytes.writeUInt16BE(quantise(facts.score), 25);
    if (facts.routingKeyHash === null) bytes.set(noKeyHash, 27);
    else bytes.write(facts.routingKeyHash, 27, 'hex');
    bytes.set(incarnation, 35);
    serial = (serial + 1) >>> 0;
    bytes.writeUInt32BE(serial, 39);
  };

  return {
    // A keyed hash with a secret prefix; cut to 64 bits it cannot be extended.
    hashKey: (routingKey) => hash('sha256', routingSecret + routingKey, 'hex').slice(0, 16),
    mint: (facts) => {
      const names = [facts.model, facts.version, facts.rollout ?? ''];
      const length = fixedBytes + names.reduce((sum, name) => sum + 1 + name.length, 0);
      const bytes = Buffer.allocUnsafe(length + macBytes);
      writeFixed(bytes, facts);
      let offset = fixedBytes;
      for (const name of names) offset = writeName(bytes, name, offset);
      bytes.write(macOf(bytes.subarray(0, length)), length, 'latin1');
      return bytes.toString('base64url');
    },
    verify: (id) => {
      const bytes = Buffer.from(id, 'base64url');
      if (bytes.length < fixedBytes + 3 + macBytes || bytes.toString('base64url') !== id) return null;
      const body = bytes.subarray(0, -macBytes);
      if (body[0] !== format || !timingSafeEqual(Buffer.from(macOf(body), 'latin1'), bytes.subarray(-macBytes))) return null;
      return readFacts(body);
    },
  };
};

const quantise = (score: number | null): number => (score === null || !(score >= 0 && score <= 1) ? noScore : Math.round(score * largestScore));

const writeName = (bytes: Buffer, name: string, offset: number): number => {
  bytes.writeUInt8(name.length, offset);
  bytes.write(name, offset + 1, 'latin1');
  return offset + 1 + name.length;
};

const readFacts = (body: Buffer): PredictionFacts => {
  const names: string[] = [];
  for (let offset = fixedBytes; names.length < 3; ) {
    const length = body.readUInt8(offset);
    names.push(body.toString('latin1', offset + 1, offset + 1 + length));
    offset += 1 + length;
  }
  const [model = '', version = '', rollout = ''] = names;
  const keyHash = body.subarray(27, 35);
  const score = body.readUInt16BE(25);
  return {
    model,
    version,
    rollout: rollout === '' ? null : rollout,
    arm: arms[body.readUInt8(5)] ?? null,
    evidence: evidenceClasses[body.readUInt8(6)] ?? 'none',
    epoch: body.readUInt32BE(7),
    assignedAtMs: body.readUIntBE(11, 6),
    probability: body.readDoubleBE(17),
    score: score === noScore ? null : score / largestScore,
    routingKeyHash: keyHash.equals(noKeyHash) ? null : keyHash.toString('hex'),
  };
};
