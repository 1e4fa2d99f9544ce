/**
 * The wiring between a request and the evidence, and not the statistics alone: every count and every e-value of live runs is recomputed from a raw
 * log of what came in and went out, by a calculator that shares no code with the gateway (test/wiring).
 */
import { describe, expect, onTestFinished, test } from 'vitest';
import type { Report } from '../wiring/batch-calculator.ts';
import { type Asked, type LiveRun, type RunOptions, startRun } from '../wiring/live-run.ts';

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

/** The e-values that operators see are those of the calculator. */
const expectShown = async (run: LiveRun, { final }: Report): Promise<void> => {
  const { evidence, guardrails } = (await run.state()) as unknown as Shown;
  expect(Math.abs(Math.log(evidence.value) - final.lnE)).toBeLessThan(1e-9);
  const differences = guardrails.flatMap(({ name, evidence: e, graduation }) => {
    const recomputed = final.guards[name];
    return [Math.log(e ?? 1) - (recomputed?.lnE ?? Number.NaN), Math.log(graduation ?? 1) - (recomputed?.lnGraduation ?? Number.NaN)].map(Math.abs);
  });
  expect(differences).toHaveLength(10);
  expect(Math.max(...differences)).toBeLessThan(1e-9);
};

const many = (count: number, asked: (index: number) => Asked): Asked[] => Array.from({ length: count }, (_, index) => asked(index));

const manual = `steps:
  - setWeight: 10
  - pause: { duration: 20s }
  - pause: {}
  - setWeight: 100
`;

describe('what the ledger says is what the raw events say', () => {
  test('without keys, with rescues, at rising weights', async () => {
    const run = await begin({
      broken: 'throws',
      plan: `block: 2s\ncompare: { share: 20, maxCpuPercent: 100 }\nrisk: { falseRollback: 0.000000000001, falsePromotion: 0.05 }\n${manual}`,
    });
    for (const weight of [10, 25, 50]) {
      await run.setWeight(weight);
      await run.ask(
        many(400, (index) => ({ amount: index % 40 === 7 ? 5_000 : 20 })),
        8,
      );
    }
    const report = await settled(run);
    expect(report.disagreements).toEqual([]);
    expect(report.seen.units).toBe(1_200);
    expect(report.seen.rescued).toBeGreaterThan(0);
    await expectShown(run, report);
  });
});
