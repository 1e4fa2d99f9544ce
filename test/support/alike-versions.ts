import type { Bundle } from '../../src/bundle/read-bundle.ts';
import { InferenceFailure } from '../../src/data-plane/inference/inference-failure.ts';
import { openVersion } from '../../src/data-plane/inference/open-version.ts';
import type { ServingVersion } from '../../src/data-plane/inference/serving-version.ts';
import type { Launcher } from '../../src/data-plane/processes/launcher.ts';
import type { Random } from './random.ts';
import { brokenModel, createRecordingHooks, realBundle } from './real-bundles.ts';
import type { SimulatedClock } from './simulated-clock.ts';

export const model = 'card-fraud';
export const [baselineName, candidateName] = ['2.0.0', '2.0.1'];

/** What becomes of a request is in its rows: an answer, a flagged one, an output that is rejected, or a run that throws. */
export const requestKinds = ['throws', 'breach', 'flagged', 'ordinary'] as const;
export type RequestKind = (typeof requestKinds)[number];
type Row = Readonly<Record<string, unknown>>;
export type Inputs = readonly Row[];

/** Two versions of one and the same model, and requests of every kind. */
export interface AlikeVersions {
  readonly baseline: ServingVersion;
  readonly candidate: ServingVersion;
  readonly inputs: Readonly<Record<RequestKind, readonly Inputs[]>>;
  readonly close: () => Promise<void>;
}

const budgetMs = 5_000;
const lateMs = 0.95 * budgetMs;
/** The throwing graph breaks on amounts above 1000. */
const breakingAmounts = [2_000, 3_000, 5_000];
/** A failed run takes 0.8 to 2 s of the simulated clock, and of a candidate its rescue as much again: a tick or two later it is pending. */
const failureMs = (rows: Inputs): number => 0.4 * Number(rows[0]?.amount);

/** Answers take no time of the simulated clock, but failures do. */
const failingSlowly = (version: ServingVersion, clock: SimulatedClock): ServingVersion => ({
  ...version,
  predict: async (request) => {
    try {
      return await version.predict(request);
    } catch (error) {
      await clock.sleep(failureMs(request.rows));
      throw error;
    }
  },
});

/** The version with so many requests in a hundred more that throw. */
export const failingMore = (version: ServingVersion, { points, random }: { readonly points: number; readonly random: Random }): ServingVersion => ({
  ...version,
  predict: (request) => {
    const breaks = random.uniform() < points / 100;
    return version.predict(breaks ? { ...request, rows: request.rows.map((row) => ({ ...row, amount: breakingAmounts[0] })) } : request);
  },
});

/** The version with so many answers in a hundred that take nearly the whole deadline of a baseline, more than a candidate's attempt has. */
export const answeringLate = (
  version: ServingVersion,
  { points, random, clock }: { readonly points: number; readonly random: Random; readonly clock: SimulatedClock },
): ServingVersion => ({
  ...version,
  predict: async (request) => {
    const answer = await version.predict(request);
    if (random.uniform() >= points / 100) return answer;
    const leftMs = request.deadlineMs - clock.monotonicMs();
    await clock.sleep(Math.min(lateMs, leftMs));
    if (lateMs > leftMs) throw new InferenceFailure('timeout', 'too late');
    return answer;
  },
});

/** The real bundle with the graph that throws, and with a range that a high score breaks. */
const breakableBundle = async (real: Bundle): Promise<Bundle> => ({
  ...real,
  modelBytes: await brokenModel('throws'),
  // The others hold scores that are out of range now.
  golden: real.golden.slice(0, 1),
  manifest: { ...real.manifest, budgets: { ...real.manifest.budgets, deadlineMs: budgetMs } },
  contract: {
    ...real.contract,
    outputs: real.contract.outputs.map((spec) => ({ ...spec, fields: spec.fields.map((field) => ({ ...field, maximum: 0.9 })) })),
  },
});

const inputsFrom = ({ golden }: Bundle): AlikeVersions['inputs'] => {
  const row = (index: number): Row => golden[index]?.golden.request.inputs[0] ?? {};
  const [ordinary, breach, night, flagged, higher] = [row(0), row(1), row(2), row(3), row(4)];
  return {
    ordinary: [[ordinary], [night], [ordinary, night]],
    flagged: [[flagged], [ordinary, flagged]],
    breach: [[breach], [higher]],
    throws: breakingAmounts.map((amount) => [{ ...ordinary, amount }]),
  };
};

/** Opens both versions, inline, on the clock. */
export const openAlikeVersions = async (launcher: Launcher, clock: SimulatedClock): Promise<AlikeVersions> => {
  const open = async (bundle: Bundle): Promise<ServingVersion> => {
    const { version, faults } = await openVersion(bundle, { launcher, monotonicMs: clock.monotonicMs, hooks: createRecordingHooks().hooks });
    if (version === null) throw new Error(JSON.stringify(faults));
    await version.place('baseline');
    return version;
  };
  const real = await realBundle(model, baselineName);
  const bundle = await breakableBundle(real);
  const baseline = await open(bundle);
  const candidate = await open({ ...bundle, version: candidateName });
  return {
    baseline: failingSlowly(baseline, clock),
    candidate: failingSlowly(candidate, clock),
    inputs: inputsFrom(real),
    close: async () => void (await Promise.all([baseline.close(), candidate.close()])),
  };
};
