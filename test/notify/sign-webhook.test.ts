import { describe, expect, it } from 'vitest';
import { parseWebhookSecret, webhookHeaders } from '../../src/notify/sign-webhook.ts';

// The test vector of the Standard Webhooks libraries.
const secret = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
const message = { id: 'msg_p5jXN8AQM9LWM0D4loKWxJek', timestamp: 1_614_265_330, body: '{"test": 2432232314}' };

describe('the signature of a webhook', () => {
  it('is that of Standard Webhooks', () => {
    expect(webhookHeaders(message, parseWebhookSecret(secret))).toEqual({
      'webhook-id': message.id,
      'webhook-timestamp': '1614265330',
      'webhook-signature': 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
    });
  });

  it('is left out without a key', () => {
    expect(webhookHeaders(message, null)).toEqual({ 'webhook-id': message.id, 'webhook-timestamp': '1614265330' });
  });
});

describe('a secret', () => {
  it('is the same with and without its prefix', () => {
    expect(parseWebhookSecret(secret.slice('whsec_'.length))).toEqual(parseWebhookSecret(secret));
  });

  it.each(['', 'whsec_', 'too short', Buffer.alloc(23).toString('base64'), Buffer.alloc(65).toString('base64'), 'ä'.repeat(40)])('is not %j', (text) => {
    expect(parseWebhookSecret(text)).toBeNull();
  });
});
