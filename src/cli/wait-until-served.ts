/** What the data port answers a request with a pinned version. */
export interface InferAnswer {
  readonly status: number;
  /** The value of `Retry-After`; null without. */
  readonly retryAfter: string | null;
  readonly body: { readonly outputs?: readonly unknown[]; readonly type?: string; readonly detail?: string };
}

/** Repeats a request while its version is still to be proven. */
export type WaitUntilServed = (ask: () => Promise<InferAnswer>) => Promise<InferAnswer>;

/**
 * A gateway is ready when its baselines serve; candidates are proven after that, each within the 30 seconds of a load and
 * its golden cases. Who runs all cases against a fresh gateway waits for them, and not for ever for one that never comes.
 */
const patienceMs = 60_000;

/** Without a `Retry-After` in whole seconds, as the gateway sends it; also the least, so that the patience ends. */
const leastWaitMs = 1_000;

const waitOf = (retryAfter: string | null): number => Math.max(leastWaitMs, /^\d+$/.test(retryAfter ?? '') ? Number(retryAfter) * 1_000 : 0);

const isNotServedYet = ({ status, body }: InferAnswer): boolean => status === 503 && body.type === '/problems/model-not-ready';

/** The pauses of all its requests together are at most a minute: then the last answer stands. */
export const createWaitUntilServed = (pause: (ms: number) => Promise<unknown>): WaitUntilServed => {
  let leftMs = patienceMs;
  return async (ask) => {
    let answer = await ask();
    while (isNotServedYet(answer) && leftMs > 0) {
      const waitMs = Math.min(waitOf(answer.retryAfter), leftMs);
      leftMs -= waitMs;
      await pause(waitMs);
      answer = await ask();
    }
    return answer;
  };
};
