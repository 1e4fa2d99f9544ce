import { createHmac } from 'node:crypto';

const prefix = 'whsec_';
/** @see the limits of Standard Webhooks: a key of 24 to 64 bytes */
const leastBytes = 24;
const mostBytes = 64;

/** The key that a secret stands for: base64, with or without `whsec_` before it; null when it is none, or not of 24 to 64 bytes. */
export const parseWebhookSecret = (text: string): Buffer | null => {
  const base64 = text.startsWith(prefix) ? text.slice(prefix.length) : text;
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(base64)) return null;
  const key = Buffer.from(base64, 'base64');
  return key.length >= leastBytes && key.length <= mostBytes ? key : null;
};

/** A message to be signed. */
interface Message {
  readonly id: string;
  /** Unix time of this try, whole seconds. */
  readonly timestamp: number;
  readonly body: string;
}

/**
 * The headers that identify and sign a message; without a key it is identified only.
 * @see https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
 */
export const webhookHeaders = ({ id, timestamp, body }: Message, key: Uint8Array | null): Readonly<Record<string, string>> => ({
  'webhook-id': id,
  'webhook-timestamp': String(timestamp),
  ...(key === null ? {} : { 'webhook-signature': `v1,${createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64')}` }),
});
