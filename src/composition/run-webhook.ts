import type { Clock } from '../clock.ts';
import { createDelivery } from '../notify/deliver-events.ts';
import { postEvent } from '../notify/post-event.ts';
import { parseWebhookSecret } from '../notify/sign-webhook.ts';
import type { Settings } from '../settings.ts';
import type { Outbox } from '../store/outbox.ts';
import type { Log } from '../telemetry/log.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { everySecond, type Repeating } from './every-second.ts';

export interface RunWebhookDeps {
  readonly settings: Pick<Settings, 'webhookUrl' | 'webhookSecret'>;
  readonly outbox: Outbox;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Pick<Log, 'warn' | 'error'>;
  readonly metrics: Pick<Metrics, 'webhookTried' | 'setWebhookBacklog'>;
}

const results = { delivered: 'ok', refused: 'client_error', gone: 'client_error', failed: 'error' } as const;

/** A receiver that needs longer should take the event first and work on it later. */
const timeoutMs = 10_000;

/** Sends what is queued to the webhook until it is stopped; without a webhook there is nothing to do. Neither address nor secret is ever logged. */
export const runWebhook = ({ settings, outbox, clock, random, log, metrics }: RunWebhookDeps): Repeating => {
  const { webhookUrl: url, webhookSecret } = settings;
  if (url === undefined) return { stop: () => Promise.resolve() };
  const key = webhookSecret === undefined ? null : parseWebhookSecret(webhookSecret);
  if (key === null) log.warn({}, 'the events of the webhook are not signed: HANDOFF_WEBHOOK_SECRET is not set');
  const stopping = new AbortController();
  const delivery = createDelivery({
    outbox,
    post: (event) => postEvent(event, { url, key, wallMs: clock.wallMs, timeoutMs, stopping: stopping.signal }),
    monotonicMs: clock.monotonicMs,
    random,
    hooks: {
      tried: (result) => metrics.webhookTried(results[result]),
      backlog: ({ events, oldestMs }) => metrics.setWebhookBacklog({ events, oldestAgeMs: oldestMs === null ? 0 : Math.max(0, clock.wallMs() - oldestMs) }),
      troubled: (trouble) => log.warn({ ...trouble }, 'events wait for the webhook'),
      gone: () => log.error({}, 'the webhook answered 410: nothing is sent to it until the gateway starts again; events go on being queued'),
      fault: (error) => log.error({ err: error }, 'the outbox could not be read'),
    },
  });
  const looking = everySecond(delivery.look, log);
  return {
    stop: async () => {
      // What is not delivered now is at the next start; a receiver that hangs must not hold the end up.
      const ended = delivery.stop();
      stopping.abort();
      await Promise.all([ended, looking.stop()]);
    },
  };
};
