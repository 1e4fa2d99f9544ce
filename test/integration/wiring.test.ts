/**
 * The wiring between a request and the evidence, and not the statistics alone: every count and every e-value of live runs is recomputed from a raw
 * log of what came in and went out, by a calculator that shares no code with the gateway (test/wiring).
 */
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { livingBelow } from '../support/process-is-alive.ts';
import { Disagreement } from '../wiring/assignment-rules.ts';
import type { Report } from '../wiring/batch-calculator.ts';
import { type Asked, type LiveRun, type RunOptions, startRun } from '../wiring/live-run.ts';

/** A tick a second, and what a busy machine adds to it: as in kill.test.ts. */
const lastSecondMs = 1_500;

const begin = async (options: RunOptions): Promise<LiveRun> => {
  const run = await startRun(options);
  onTestFinished(run.end);
  return run;
};

/** Waits until all that was counted is in the ledger, and recomputes it. */
const settled = async (run: LiveRun): Promise<Report> => {
  await expect.poll(async () => (await run.report()).unsealed, { timeout: 15_000, interval: 500 }).toBe(0);
  return run.report();
};

interface Shown {
  readonly evidence: { readonly value: number };
  readonly guardrails: readonly { readonly name: string; readonly evidence: number | null; readonly graduation: number | null }[];
}

/** The largest difference between the logarithms of the e-values that operators see and those of the calculator. */
const shownApart = async (run: LiveRun, { final }: Report): Promise<number> => {
  const { evidence, guardrails } = (await run.state()) as unknown as Shown;
  const differences = guardrails.flatMap(({ name, evidence: e, graduation }) => {
    const recomputed = final.guards[name];
    return e === null || graduation === null
      ? []
      : [Math.log(e) - (recomputed?.lnE ?? Number.NaN), Math.log(graduation) - (recomputed?.lnGraduation ?? Number.NaN)];
  });
  return Math.max(...[Math.log(evidence.value) - final.lnE, ...differences].map(Math.abs));
};

/**
 * What operators see is what the calculator says, once the tick that sealed the last block has been published. Both are asked anew each time: a pair
 * that waited for its process can begin after everything else is sealed.
 */
const expectShown = async (run: LiveRun): Promise<void> => {
  await expect.poll(async () => shownApart(run, await run.report()), { timeout: 10_000, interval: 100 }).toBeLessThan(1e-9);
  expect((await run.report()).disagreements).toEqual([]);
};

const many = (count: number, asked: (index: number) => Asked): Asked[] => Array.from({ length: count }, (_, index) => asked(index));

/** So much evidence before a rollback that it can be followed over weights and blocks. */
const patient = 'risk: { falseRollback: 1e-12, falsePromotion: 0.05 }';
/** As much as a dead worker gives while it is replaced. */
const veryPatient = 'risk: { falseRollback: 1e-250, falsePromotion: 0.05 }';
const compared = 'compare: { share: 20, maxCpuPercent: 100 }';

const steps = `steps:
  - setWeight: 10
  - pause: { duration: 20s }
  - pause: {}
  - setWeight: 100
`;

const planOf = (...lines: readonly string[]): string => `block: 1s\n${[patient, compared, ...lines].join('\n')}\n${steps}`;

/** Asks at a weight: mostly what every candidate answers, now and then what a broken one does not. */
const askAt = async (run: LiveRun, weight: number, asked: readonly Asked[]): Promise<void> => {
  await run.setWeight(weight);
  await run.ask(asked, 8);
};

const untilRolledBack = async (run: LiveRun, asked: (index: number) => Asked): Promise<void> => {
  for (let round = 0; round < 40; round += 1) {
    await run.ask(
      many(50, (index) => asked(50 * round + index)),
      8,
    );
    if ((await run.state()).phase === 'rolled-back') return;
  }
  // The engine looks once a second, and a fast machine has answered them all by then.
  await expect.poll(async () => (await run.state()).phase, { timeout: 10_000 }).toBe('rolled-back');
};

/** The first line that holds all of these words, changed; null takes it away. */
const withLine =
  (words: readonly string[], change: (line: string) => string | null) =>
  (lines: readonly string[]): readonly string[] => {
    const index = lines.findIndex((line) => words.every((word) => line.includes(word)));
    if (index === -1) throw new Error(`no line has ${words.join(' and ')}`);
    const changed = change(lines[index] ?? '');
    return lines.flatMap((line, at) => (at === index ? (changed ?? []) : line));
  };

/** Logs that say something else than what was: the calculator must see each of them. */
const forgeries = [
  ['a request that was never assigned', withLine(['"kind":"assigned"', '"arm":"baseline"'], () => null)],
  ['an answer that never came', withLine(['"kind":"answered"', '\\"arm\\":\\"candidate\\"'], () => null)],
  ['a failure of another kind', withLine(['"kind":"failed"'], (line) => line.replace(/"failure":"[a-z-]+"/, '"failure":"breach"'))],
  ['an assignment of another arm', withLine(['"kind":"assigned"', '"arm":"baseline"'], (line) => line.replace('baseline', 'candidate'))],
  ['an answer with another flag', withLine(['"kind":"answered"', '\\"flagged\\":false'], (line) => line.replace('flagged\\":false', 'flagged\\":true'))],
  ['a pair that never began', withLine(['"is":"begun"'], () => null)],
  ['a pair that failed', withLine(['"is":"ended"', '"result":"ok"'], (line) => line.replace('"result":"ok"', '"result":"error"'))],
] as const;

const disagreementsOf = async (run: LiveRun, change: (lines: readonly string[]) => readonly string[]): Promise<readonly string[]> => {
  try {
    return (await run.report(change)).disagreements;
  } catch (error) {
    if (error instanceof Disagreement) return [error.message];
    throw error;
  }
};

/**
 * Asks until a report has seen enough: blocks are of a second, so a fast machine has few of them after as many requests; and on a busy one the process
 * that runs pairs comes up late.
 */
const askUntil = async (run: LiveRun, asked: (index: number) => Asked, isEnough: (report: Report, lines: readonly string[]) => boolean): Promise<void> => {
  for (let round = 0; round < 200; round += 1) {
    let log: readonly string[] = [];
    const report = await run.report((lines) => {
      log = lines;
      return lines;
    });
    if (isEnough(report, log)) return;
    await run.ask(many(50, asked), 8);
  }
  throw new Error('there is not enough to look at');
};

const isComparedLine = (line: string): boolean => line.includes('"is":"ended"') && line.includes('"result":"ok"');

const rollbackOf = ({ decisions }: Report): string[] => decisions.filter((decision) => decision.endsWith(' rollback'));

/**
 * A candidate that is slower. Thresholds need 2,000 pairs, of which 50 may begin in a second: this run goes on beside the others, and the last
 * test looks at it.
 */
let slower: LiveRun;
let traffic: ReturnType<LiveRun['askEvery']>;

beforeAll(async () => {
  const compareAll = 'compare: { share: 100, maxCpuPercent: 100 }';
  slower = await startRun({
    broken: 'slower',
    plan: planOf().replace(patient, 'risk: { falseRollback: 1e-100, falsePromotion: 0.05 }').replace(compared, compareAll),
  });
  await slower.setWeight(10);
  traffic = slower.askEvery(16, () => ({}));
});

afterAll(async () => {
  await traffic.stop();
  await slower.end();
});

describe('the ledger agrees with the raw events, count by count and e-value by e-value', { shuffle: false }, () => {
  test('without keys, with rescues, at rising weights, up to the rollback', async () => {
    const run = await begin({ broken: 'throws', plan: planOf() });
    const asked = (index: number): Asked => {
      if (index % 40 === 7) return { amount: 5_000 };
      if (index % 50 === 9) return { ineligible: true };
      return index % 60 === 11 ? { version: '2.0.0' } : {};
    };
    for (const weight of [10, 25, 50]) await askAt(run, weight, many(400, asked));
    await askUntil(
      run,
      () => ({}),
      ({ blocks }, lines) => blocks > 2 && lines.some(isComparedLine),
    );
    const report = await settled(run);
    expect(report.disagreements).toEqual([]);
    expect(report.seen).toMatchObject({ later: 0, unanswered: 0 });
    expect(report.seen.units).toBeGreaterThan(1_100);
    expect(report.seen.noEvidence).toBeGreaterThan(20);
    expect(report.seen.rescued).toBeGreaterThan(0);
    expect(report.blocks).toBeGreaterThan(2);
    await expectShown(run);
    for (const [kind, change] of forgeries) expect({ kind, found: (await disagreementsOf(run, change)).length > 0 }).toEqual({ kind, found: true });
    await untilRolledBack(run, () => ({ amount: 5_000 }));
    const after = await run.report();
    expect(after.disagreements).toEqual([]);
    expect(rollbackOf(after)).toHaveLength(1);
    expect(after.values).toBeGreaterThan(report.values);
    expect(after.starts).toBeGreaterThan(0);
    expect(after.examples).toBeGreaterThan(0);
  });

  test('with keys that come again, a weight that falls and rises, and outputs that are rejected', async () => {
    const run = await begin({
      broken: 'nan',
      plan: planOf('routingKey: { header: x-routing-key }', 'match: [ { header: x-cohort, equals: internal } ]'),
      criteria: '  - { name: alike, metric: { kind: disagreement }, compareTo: baseline, margin: { absolute: 0.01 }, appliesTo: [live] }\n',
    });
    const asked = (index: number): Asked => {
      const key = { key: `kärnten-${(index * 7) % 260}` };
      if (index % 45 === 7) return { ...key, amount: 5_000 };
      if (index % 50 === 9) return { ...key, headers: { 'x-cohort': 'internal' } };
      return index % 30 === 11 ? {} : key;
    };
    for (const weight of [10, 30, 20, 60]) await askAt(run, weight, many(300, asked));
    await askUntil(run, asked, ({ pins }) => pins > 5);
    const report = await settled(run);
    expect(report.disagreements).toEqual([]);
    expect(report.seen.later).toBeGreaterThan(300);
    expect(report.seen.units).toBeGreaterThan(300);
    expect(report.seen.rescued).toBeGreaterThan(0);
    expect(report.pins).toBeGreaterThan(5);
    await expectShown(run);
    await untilRolledBack(run, (index) => ({ key: `new-${index}`, amount: 5_000 }));
    const after = await run.report();
    expect(after.disagreements).toEqual([]);
    expect(rollbackOf(after)).toHaveLength(1);
  });

  test('when more comes than is taken, clients go away and deadlines pass', async () => {
    const run = await begin({ broken: 'throws', plan: planOf(), flags: ['--max-pending-requests', '24'] });
    await run.setWeight(50);
    const impatient = { headers: { 'x-request-timeout-ms': '1' } };
    const asked = (index: number): Asked => {
      if (index % 40 === 7) return { amount: 5_000 };
      return index % 5 === 3 ? impatient : {};
    };
    const answers = await run.ask(many(900, asked), 64);
    await run.leave(many(40, () => ({})));
    const statuses = new Set(answers.map(({ status }) => status));
    expect(statuses).toContain(200);
    expect(statuses).toContain(503);
    const report = await settled(run);
    expect(report.disagreements).toEqual([]);
    expect(report.seen.unassigned).toBeGreaterThanOrEqual(answers.filter(({ status }) => status === 503).length);
    expect(report.seen.gone).toBeGreaterThan(0);
    expect(report.seen.units).toBeGreaterThan(50);
    await expectShown(run);
  });

  test('when the worker of the candidate and the process of the pairs are killed', async () => {
    const run = await begin({ broken: 'endless', deadlineMs: 600, plan: planOf().replace(patient, veryPatient) });
    await run.setWeight(50);
    const load = run.ask(
      many(900, (index) => (index % 300 === 150 ? { amount: 5_000 } : {})),
      4,
    );
    for (const entry of ['/worker-main.ts', 'comparison-worker-main.ts']) {
      await expect.poll(() => livingBelow(run.gateway().pid, entry).length, { timeout: 20_000, interval: 50 }).toBeGreaterThan(0);
      for (const pid of livingBelow(run.gateway().pid, entry)) process.kill(pid, 'SIGKILL');
    }
    await load;
    const report = await settled(run);
    expect(report.disagreements).toEqual([]);
    expect(report.seen.units).toBe(900);
    expect(report.seen.rescued).toBeGreaterThan(0);
    await expectShown(run);
  });

  test('over kill -9 of the gateway, less the last second', async () => {
    const run = await begin({ broken: 'nan', plan: planOf('routingKey: { header: x-routing-key }') });
    const asked = (index: number): Asked => ({ ...(index % 2 === 0 ? { key: `user-${index % 1_400}` } : {}), amount: index % 40 === 7 ? 5_000 : 20 });
    await run.setWeight(40);
    const cutOff = run.askUntilGone(asked, 8);
    await expect.poll(run.blocks, { timeout: 15_000, interval: 50 }).toBeGreaterThan(1);
    // Somewhere between two ticks.
    await run.ask(many(150, asked), 8);
    await run.kill();
    await cutOff;
    await run.restart();
    await run.ask(many(500, asked), 8);
    const report = await settled(run);
    expect(report.disagreements).toEqual([]);
    expect(report.lostMs).toHaveLength(1);
    expect(Math.max(...report.lostMs)).toBeLessThan(lastSecondMs);
    expect(report.seen.units).toBeGreaterThan(500);
    expect(report.seen.later).toBeGreaterThan(200);
    await expectShown(run);
  });

  test('of pairs in which the candidate is slower, from the first threshold to the rollback', { timeout: 90_000 }, async () => {
    await expect.poll(async () => (await slower.state()).phase, { timeout: 85_000, interval: 500 }).toBe('rolled-back');
    await traffic.stop();
    expect((await slower.state()).reason).toMatch(/^Rolled back: the candidate was slower than the baseline's p\d\d/);
    const report = await slower.report();
    expect(report.disagreements).toEqual([]);
    expect(rollbackOf(report)).toHaveLength(1);
    expect(report.pins).toBeGreaterThan(3);
    expect(report.blocks).toBeGreaterThan(30);
  });
});
