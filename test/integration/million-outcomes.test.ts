/** A million outcomes through weight changes and a promotion: every one joins the arm that its request had. Everything is real but the clock and the network. */
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { outcomeBucketOf } from '../../src/bundle/outcome-window.ts';
import { createControlContext } from '../../src/control-plane/change-rollout.ts';
import { createRolloutControl, type RolloutControl } from '../../src/control-plane/rollout-control.ts';
import { createEngine } from '../../src/control-plane/tick.ts';
import { createEvidence } from '../../src/data-plane/observe/evidence.ts';
import { keyHashOf } from '../../src/data-plane/observe/key-hash.ts';
import { createPredictionIds } from '../../src/data-plane/observe/prediction-id.ts';
import { createPostOutcomes } from '../../src/data-plane/outcomes/post-outcomes.ts';
import { assign, drawOf, thresholdOf } from '../../src/data-plane/routing/assign.ts';
import { parseOutcomesRequest } from '../../src/http/outcomes-request.ts';
import type { RolloutStore } from '../../src/store/rollout-store.ts';
import { createSqliteRolloutStore } from '../../src/store/sqlite-rollout-store.ts';
import type { TrafficAssignment } from '../../src/store/traffic-assignment.ts';
import { createMetrics } from '../../src/telemetry/metrics.ts';
import { assessmentWith } from '../support/assessment.ts';
import { declaredForTests } from '../support/card-fraud-outcomes.ts';
import { noEvidence } from '../support/no-evidence.ts';
import { createRandom } from '../support/random.ts';
import { found, planFile } from '../support/rollout-files.ts';

const hourMs = 3_600_000;
const epochHours = 7;
const weights = [1, 5, 10, 25, 12.5, 50, 0, 2.5, 75, 99.99];
const phasesCount = weights.length + 2; // and a bake, and the time after the promotion
const total = 1_000_000;
const perPhase = Math.ceil(total / phasesCount / 2);
const u32Range = 2 ** 32;

let directory = '';
let store: RolloutStore;
let nowMs = Date.UTC(2026, 4, 1);
let traffic: TrafficAssignment = { model: 'card-fraud', epoch: 0, baseline: null, rollout: null };
const predictionIds = createPredictionIds({ key: randomBytes(32), incarnation: randomBytes(4) });
const random = createRandom(20_260_501);
const startMs = nowMs;
const evidence = createEvidence({ monotonicMs: () => nowMs - startMs, incarnation: 'one' });

/** What is expected in the counts of the store. */
const expected = new Map<string, number>();
/** Units of the requests whose outcomes name only their key. */
const unitsOfKeys = new Map<string, number>();
const count = (cells: Map<string, number>, key: string): void => void cells.set(key, (cells.get(key) ?? 0) + 1);

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'handoff-outcomes-'));
  store = await createSqliteRolloutStore({ dataDir: directory });
});
afterAll(async () => {
  await store.close();
  await rm(directory, { recursive: true, force: true });
});

const poster = () =>
  createPostOutcomes({
    predictionIds,
    declaredOf: ({ model }) => (model === 'card-fraud' ? declaredForTests : null),
    epochs: store.epochs,
    record: store.outcomes.record,
    metrics: createMetrics(),
    wallMs: () => nowMs,
  });

/** A request as the data plane assigns and counts it. */
const request = (key: string | null) => {
  const assignedAtMs = nowMs;
  const assignment = assign(traffic, { pinned: null, eligible: true, matched: false, key, randomU32: random.u32 });
  if (assignment === null) throw new Error('there is no baseline');
  const { rollout } = traffic;
  const unit =
    rollout === null || !assignment.evidence || assignment.arm === null
      ? null
      : evidence.begin({
          rollout: rollout.id,
          threshold: thresholdOf(rollout.weightHundredths),
          arm: assignment.arm,
          watchedOutputs: 0,
          assignedAtMs,
          keyed: key === null ? null : { key: keyHashOf(BigInt(`0x${predictionIds.hashKey(key)}`)), draw: drawOf(rollout.id, key) },
        });
  unit?.end({ error: false, breach: false, abstained: false, flagged: () => false });
  return { assignment, unit, assignedAtMs, bucket: outcomeBucketOf(assignedAtMs) };
};

const observed = (atMs: number): string => new Date(atMs + hourMs).toISOString();

/** An outcome by prediction id; half of the requests carry a key, of which some come again. */
const byPrediction = (index: number): unknown => {
  const key = index % 2 === 0 ? `customer-${index % 60_000}` : null;
  const { assignment, unit, assignedAtMs, bucket } = request(key);
  const { epoch, rollout } = traffic;
  const probability = unit?.probability ?? assignment.probability;
  const value = random.uniform() < 0.3 ? 1 : 0;
  if (unit !== null) count(expected, [unit.evidence, 'caught', bucket, probability, assignment.arm, value * 100].join(' '));
  const facts = { model: 'card-fraud', version: assignment.version, rollout: rollout?.id ?? null, arm: assignment.arm, epoch, assignedAtMs, probability };
  return {
    prediction_id: predictionIds.mint({
      ...facts,
      evidence: unit?.evidence ?? 'none',
      routingKeyHash: key === null ? null : predictionIds.hashKey(key),
      score: 0.5,
    }),
    outcome: 'caught',
    value,
    observed_at: observed(assignedAtMs),
  };
};

/** An outcome that knows only the key and the time; each key has one of each name in a phase. */
const byKey = (index: number): unknown => {
  const key = `holder-${index >> 1}`;
  const outcome = index % 2 === 0 ? 'caught' : 'complaint';
  const { assignment, unit, assignedAtMs, bucket } = request(key);
  if (unit?.evidence === 'unit') count(unitsOfKeys, placeOf({ bucket, w: unit.probability ?? 0, arm: assignment.arm ?? '' }));
  const value = random.uniform() < 0.3 ? 1 : 0;
  if (traffic.rollout !== null) count(expected, ['keyed', outcome, bucket, assignment.probability, assignment.arm, value * 100].join(' '));
  return {
    model: 'card-fraud',
    routing_key: key,
    predicted_at: new Date(assignedAtMs).toISOString(),
    outcome,
    value,
    observed_at: observed(assignedAtMs),
  };
};

const bodyOf = (outcomes: readonly unknown[]): string => JSON.stringify({ outcomes });

/** The traffic of a phase, spread over its hours, as bodies of a thousand outcomes. */
const bodiesOfPhase = (): readonly string[] => {
  const fromMs = nowMs;
  const outcomes: unknown[] = [];
  for (let index = 0; index < perPhase; index += 1) {
    nowMs = fromMs + 1 + Math.floor((index * (epochHours * hourMs - 2)) / perPhase);
    outcomes.push(byPrediction(index), byKey(index));
  }
  nowMs = fromMs + epochHours * hourMs;
  return Array.from({ length: Math.ceil(outcomes.length / 1_000) }, (_, batch) => bodyOf(outcomes.slice(batch * 1_000, (batch + 1) * 1_000)));
};

const engineOf = (context: ReturnType<typeof createControlContext>) =>
  createEngine({
    context,
    assess: () => assessmentWith(),
    evidence: noEvidence,
    onFault: (_, error) => {
      throw error;
    },
  });

/** The moves of the rollout, one a phase of the test. */
const movesOf = (control: RolloutControl, tick: () => Promise<void>): readonly (() => Promise<unknown>)[] => {
  const who = { reason: 'a test of the joins', actor: 'olga' };
  return [
    ...weights.map((weight) => () => control.setWeight('card-fraud', { ...who, weight })),
    () => control.move('card-fraud', { move: 'promote', full: true }, who),
    tick,
  ];
};

const rollout = '01JZZZZZZZZZZZZZZZZZZZZZZZ';

interface CountRow {
  readonly source: string;
  readonly outcome: string;
  readonly bucket: number;
  readonly w: number;
  readonly arm: string;
  readonly value: number;
  readonly count: number;
}

const readKept = () => {
  const database = new DatabaseSync(join(directory, 'handoff.db'), { readOnly: true });
  const counts = database.prepare('select source, outcome, bucket, w, arm, value, count from outcome_counts').all() as unknown as CountRow[];
  const firstEvents = database.prepare('select key_hash as keyHash, w, arm from outcome_first_events').all();
  database.close();
  return { counts, firstEvents };
};

const addUp = <Cell>(cells: readonly Cell[], keyOf: (cell: Cell) => string, sizeOf: (cell: Cell) => number): ReadonlyMap<string, number> => {
  const sums = new Map<string, number>();
  for (const cell of cells) sums.set(keyOf(cell), (sums.get(keyOf(cell)) ?? 0) + sizeOf(cell));
  return sums;
};

const placeOf = ({ bucket, w, arm }: Pick<CountRow, 'bucket' | 'w' | 'arm'>): string => `${bucket} ${w} ${arm}`;

/** The draw of every key that a request had, by the key's hash. */
const drawsByHash = (): ReadonlyMap<string, number> =>
  new Map(
    Array.from({ length: 60_000 }, (_, index) => [`customer-${index}`, `holder-${index}`])
      .flat()
      .map((key) => [predictionIds.hashKey(key), drawOf(rollout, key)]),
  );

const makeControl = async () => {
  const context = createControlContext({
    store,
    clock: { wallMs: () => nowMs, monotonicMs: () => nowMs },
    newId: () => rollout,
    publish: (assignment) => {
      traffic = assignment;
    },
  });
  const control = createRolloutControl(context);
  await control.reconcile(found(['1.4.0', '2.0.0'], [planFile({ routingKey: { header: 'x-routing-key' } })]));
  return { control, moves: movesOf(control, engineOf(context).tick) };
};

/** Bodies that are under way at once, so that the next ones are read while the store writes. */
const senders = 4;

/** Sends bodies and adds up what became of their outcomes. */
const sender = () => {
  const post = poster();
  const answers = { accepted: 0, duplicate: 0, refused: 0 };
  const send = async (bodies: readonly string[]): Promise<void> => {
    const waiting = bodies.values();
    const sendNext = async (): Promise<void> => {
      for (const body of waiting) {
        const { accepted, duplicate, refused } = await post(parseOutcomesRequest(JSON.parse(body)));
        answers.accepted += accepted;
        answers.duplicate += duplicate;
        answers.refused += refused.length;
      }
    };
    await Promise.all(Array.from({ length: senders }, sendNext));
  };
  return { send, answers };
};

test('a million outcomes join the arms of their requests, by prediction id and by key', { timeout: 900_000 }, async () => {
  const { control, moves } = await makeControl();
  const { send, answers } = sender();
  const waiting: (readonly string[])[] = [];
  for (const move of moves) {
    await move();
    waiting.push(bodiesOfPhase());
    // The outcomes of a phase come two phases later, when other weights are in force.
    if (waiting.length > 2) await send(waiting.shift() ?? []);
  }
  expect(control.get('card-fraud').phase).toBe('promoted');
  const last = waiting.flat();
  await send(last);
  expect(answers).toEqual({ accepted: 2 * perPhase * phasesCount, duplicate: 0, refused: 0 });

  const { counts, firstEvents } = readKept();
  const kept = addUp(
    counts,
    ({ source, outcome, value, ...place }) => [source, outcome, place.bucket, place.w, place.arm, value].join(' '),
    ({ count: n }) => n,
  );
  expect(kept).toEqual(expected);

  // Each unit had an outcome, by its id or by its key alone, so the denominators are the counts.
  const units = counts.filter(({ source }) => source === 'unit');
  const labelled = addUp(
    [...units.map((cell) => [placeOf(cell), cell.count] as const), ...unitsOfKeys],
    ([place]) => place,
    ([, n]) => n,
  );
  expect(labelled).toEqual(addUp(evidence.observe(rollout).counts, placeOf, ({ n }) => n));

  // A first event has the weight in force, and the arm that the key's draw gives at it.
  const draws = drawsByHash();
  const isWrong = ({ keyHash, w, arm }: Record<string, unknown>): boolean =>
    (draws.get(String(keyHash)) ?? Number.NaN) < Number(w) * u32Range !== (arm === 'candidate');
  expect(firstEvents.length).toBeGreaterThan(10_000);
  expect(firstEvents.filter(isWrong)).toEqual([]);

  // Again, to another life of the gateway on the same store: nothing counts twice.
  await store.close();
  store = await createSqliteRolloutStore({ dataDir: directory });
  const again = sender();
  await again.send(last.slice(0, 20));
  expect(again.answers).toEqual({ accepted: 0, duplicate: 20_000, refused: 0 });
});
