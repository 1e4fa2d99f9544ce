/**
 * When a share of requests is beyond its limit. A change is looked for minute by minute: bets against "each request has the event with a
 * probability of at most the limit" gain or lose capital, and one that has lost all begins anew, so that a good year does not hide a bad hour.
 * At exactly the limit a false alarm comes once in 1,000 minutes at most on average; well within it, never.
 *
 * @see Shin, Ramdas, Rinaldo, "E-detectors: a nonparametric framework for sequential change detection", 2024 (the e-CUSUM statistic)
 */

/** Requests, and those of them that had the event. */
export interface Tally {
  readonly requests: number;
  readonly events: number;
}

export interface BoundAlarm {
  readonly broken: boolean;
  /** ln of each bet's capital. */
  readonly lnCapital: readonly number[];
  /** While broken: what came since it was last asked whether the share is within the limit again. */
  readonly since: Tally;
}

const none: Tally = { requests: 0, events: 0 };

/** Bets s_k = 0.1 * 2^k: the best one against a rate of (1 + s) times the limit. */
const bets = Array.from({ length: 8 }, (_, k) => 0.1 * 2 ** k);

/** No bet can lose all of its capital at once. */
const largestLoss = 0.95;

const alarmAt = 1_000;

export const noAlarm: BoundAlarm = { broken: false, lnCapital: bets.map(() => 0), since: none };

const leastRequests = 100;
const mostRequests = 10_000;

/** At four times the limit, one in 10,000 such windows has so few events that it looks like one within it. */
const enoughToClear = (limit: number): number => Math.min(mostRequests, Math.max(leastRequests, 5 / limit));

/** ln of what a bet makes of its capital, with lambda the part of it that is staked and m the limit: (1 + lambda (1 - m)) for each event, (1 - lambda m) for each other request. */
const lnGain = ({ requests, events }: Tally, limit: number, bet: number): number => {
  const lambda = Math.min(largestLoss / limit, bet / (1 - limit));
  return events * Math.log1p(lambda * (1 - limit)) + (requests - events) * Math.log1p(-lambda * limit);
};

/**
 * The alarm after one more minute.
 *
 * @param limit the share (0-1) of the requests that may have the event
 */
export const nextAlarm = (alarm: BoundAlarm, minute: Tally, limit: number): BoundAlarm => {
  if (minute.requests === 0 || limit >= 1) return alarm;
  if (!alarm.broken) {
    const lnCapital = bets.map((bet, k) => Math.max(0, alarm.lnCapital[k] ?? 0) + lnGain(minute, limit, bet));
    const capital = lnCapital.reduce((sum, ln) => sum + Math.exp(ln), 0) / bets.length;
    const isImpossible = limit === 0 && minute.events > 0;
    return { broken: isImpossible || capital >= alarmAt, lnCapital, since: none };
  }
  const since = { requests: alarm.since.requests + minute.requests, events: alarm.since.events + minute.events };
  if (since.requests < enoughToClear(limit)) return { ...alarm, since };
  return since.events <= limit * since.requests ? noAlarm : { ...alarm, since: none };
};
