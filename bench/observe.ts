/**
 * What counting a request as evidence adds to it: the assignment and the prediction id of a request, which it needs anyway,
 * without and with `beginUnit` and `endUnit`, in short slices by turns. See bench/README.md.
 */
import { randomBytes } from 'node:crypto';
import { parseArgs } from 'node:util';
import { beginUnit, endUnit } from '../src/data-plane/observe/count-unit.ts';
import { createEvidence } from '../src/data-plane/observe/evidence.ts';
import { createPredictionIds } from '../src/data-plane/observe/prediction-id.ts';
import type { ServingModel } from '../src/data-plane/registry.ts';
import { assign } from '../src/data-plane/routing/assign.ts';
import { columns, median, quantile } from './statistics.ts';

/** Short, so that many slices run without another process in between. */
const sliceRequests = 100;
/** The quiet slices: others of the machine were not in their way. */
const quietShare = 0.1;
const wallMs = 1_795_000_000_000;
const rollout = {
  id: '01J00000000000000000000000',
  candidate: '2.0.0',
  weightHundredths: 1_000,
  eligibility: 'partial' as const,
  routingKey: null,
  match: [],
  watchedOutputs: ['flagged'],
  compare: null,
  bounds: [],
};
const traffic = { model: 'card-fraud', epoch: 7, baseline: '1.4.0', rollout };
const model = { name: 'card-fraud', traffic } as unknown as ServingModel;
const rows = [{ fraud_probability: 0.031, flagged: false }];
let draws = 0;
const randomU32 = (): number => {
  draws = (Math.imul(draws, 1_664_525) + 1_013_904_223) >>> 0;
  return draws;
};

/** The key of the n-th request; null for independent draws. */
type KeyOf = (index: number) => string | null;

const kinds: Readonly<Record<string, KeyOf>> = {
  'no key': () => null,
  'keys that come back': (index) => `customer-${index % 2_000}`,
  'each key new': (index) => `customer-${index}`,
};

const createRequests = (keyOf: KeyOf) => {
  const evidence = createEvidence({ monotonicMs: () => performance.now(), incarnation: 'bench' });
  const ids = createPredictionIds({ key: randomBytes(32), incarnation: randomBytes(4) });
  let [index, second] = [0, 0];
  return (observed: boolean): void => {
    const routingKey = keyOf(index);
    index += 1;
    const assignment = assign(traffic, { pinned: null, eligible: true, matched: false, key: routingKey, randomU32 });
    if (assignment === null) throw new Error('no baseline');
    const routingKeyHash = routingKey === null ? null : ids.hashKey(routingKey);
    const unit = observed ? beginUnit(evidence, model, { assignment, routingKeyHash, eligible: true, assignedAtMs: wallMs }) : null;
    endUnit(unit, model, { failure: null, answer: { rows, abstained: 0 } });
    const { arm, probability, version } = assignment;
    ids.mint({
      model: model.name,
      version,
      rollout: rollout.id,
      arm,
      evidence: unit?.evidence ?? 'none',
      epoch: 7,
      assignedAtMs: wallMs,
      probability,
      routingKeyHash,
      score: 0.031,
    });
    // As the engine does once a second.
    const now = Math.floor(performance.now() / 1_000);
    if (now !== second) evidence.forgetBefore(rollout.id, now);
    second = now;
  };
};

const sliceUs = (request: (observed: boolean) => void, observed: boolean): number => {
  const startMs = performance.now();
  for (let count = 0; count < sliceRequests; count += 1) request(observed);
  return ((performance.now() - startMs) * 1_000) / sliceRequests;
};

const { values: options } = parseArgs({ options: { slices: { type: 'string', default: '10000' } } });
const microseconds = (value: number): string => value.toFixed(2);

const measure = ([name, keyOf]: readonly [string, KeyOf]): readonly string[] => {
  const request = createRequests(keyOf);
  const [without, beside]: [number[], number[]] = [[], []];
  for (let slice = 0; slice < Number(options.slices); slice += 1) {
    without.push(sliceUs(request, false));
    beside.push(sliceUs(request, true));
  }
  const added = median(beside.map((us, index) => us - (without[index] ?? us)));
  const [quietWithout, quietBeside] = [quantile(without, quietShare), quantile(beside, quietShare)];
  return [name, ...[quietWithout, quietBeside, quietBeside - quietWithout].map(microseconds), (quietBeside / quietWithout).toFixed(2), microseconds(added)];
};

process.stdout.write(
  `Counting a request as evidence, us a request, ${options.slices} pairs of slices of ${sliceRequests}\n\n${columns([['traffic', 'without', 'with', 'added', 'ratio', 'added, all slices'], ...Object.entries(kinds).map(measure)])}`,
);
