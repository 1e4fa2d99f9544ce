import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Assessment } from '../../src/control-plane/assessment.ts';
import { createControlContext } from '../../src/control-plane/change-rollout.ts';
import { createRolloutControl, type RolloutControl } from '../../src/control-plane/rollout-control.ts';
import { createEngine, type Engine } from '../../src/control-plane/tick.ts';
import type { Decision, RolloutStore } from '../../src/store/rollout-store.ts';
import { createSqliteRolloutStore } from '../../src/store/sqlite-rollout-store.ts';
import type { TrafficAssignment } from '../../src/store/traffic-assignment.ts';
import { assessmentWith, errorsGuardrail } from '../support/assessment.ts';
import { noEvidence } from '../support/no-evidence.ts';
import { found, planFile } from '../support/rollout-files.ts';

/** Simulated time: a tick is a second. */
let nowMs = 0;
let directory = '';
let store: RolloutStore;
let published: TrafficAssignment[] = [];
let faults: string[] = [];
let restored: (string | null)[] = [];
/** What the evidence says in the tick to come; its text is how many ticks have been assessed. */
let assessment: (model: string) => Assessment = () => healthy();
let text: string | null = null;
let ids = 0;

beforeEach(async () => {
  nowMs = 1_000_000;
  directory = await mkdtemp(join(tmpdir(), 'handoff-tick-'));
  store = await createSqliteRolloutStore({ dataDir: directory });
  published = [];
  faults = [];
  restored = [];
  assessment = healthy;
  text = null;
  ids = 0;
});
afterEach(async () => {
  await store.close();
  await rm(directory, { recursive: true, force: true });
});

/** A healthy candidate with a thousand requests a second. */
const healthy = (): Assessment => assessmentWith({ candidateUnits: nowMs });

const steps = [
  { shadow: { share: 20, duration: '3s' } },
  { setWeight: 1 },
  { analysis: { atLeast: '3s', minSamples: 100, deadline: '60s' } },
  { setWeight: 10 },
  { analysis: { atLeast: '2s', minSamples: 100, deadline: '60s' } },
  { pause: { duration: '2s' } },
  { setWeight: 100 },
];
const planned = planFile({ steps, bake: '4s' });

interface Gateway {
  readonly control: RolloutControl;
  readonly engine: Engine;
}

/** A life of the gateway on the open store. */
const gateway = async (files = found(['1.4.0', '2.0.0'], [planned])): Promise<Gateway> => {
  const context = createControlContext({
    store,
    clock: { wallMs: () => nowMs, monotonicMs: () => nowMs },
    newId: () => {
      ids += 1;
      return `rollout-${ids}`;
    },
    publish: (assignment) => {
      published.push(assignment);
    },
  });
  const control = createRolloutControl(context);
  await control.reconcile(files);
  const engine = createEngine({
    context,
    assess: (model) => assessment(model),
    evidence: {
      ...noEvidence,
      restore: (_model, _record, kept) => {
        restored.push(kept);
      },
      toKeep: () => ({ evidence: text, blocks: [], filters: [] }),
    },
    onFault: (model, error) => faults.push(`${model}: ${error instanceof Error ? error.message : String(error)}`),
  });
  return { control, engine };
};

const byHand = { reason: 'a try', actor: 'olga' };

const started = async (): Promise<Gateway> => {
  const life = await gateway();
  await life.control.move('card-fraud', { move: 'start' }, byHand);
  return life;
};

const second = async ({ engine }: Gateway): Promise<void> => {
  nowMs += 1_000;
  await engine.tick();
};

const seconds = async (life: Gateway, count: number): Promise<void> => {
  for (let index = 0; index < count; index += 1) await second(life);
};

const story = async (): Promise<readonly Partial<Decision>[]> =>
  (await store.decisions({ model: 'card-fraud', limit: 100 }))
    .map(({ move, actor, reason, atMs, fromWeightHundredths, toWeightHundredths }) => ({ move, actor, reason, atMs, fromWeightHundredths, toWeightHundredths }))
    .reverse();

const reopen = async (): Promise<void> => {
  await store.close();
  store = await createSqliteRolloutStore({ dataDir: directory });
};

describe('a whole rollout', () => {
  it('goes through every step once and ends promoted', async () => {
    const life = await started();
    await seconds(life, 25);
    expect((await story()).map(({ move, toWeightHundredths }) => [move, toWeightHundredths])).toEqual([
      ['accept', 0],
      ['start', 0],
      ['advance', 100],
      ['advance', 100],
      ['advance', 1_000],
      ['advance', 1_000],
      ['advance', 1_000],
      ['advance', 10_000],
      ['bake', 10_000],
      ['promoted', 10_000],
    ]);
    expect(life.control.get('card-fraud')).toMatchObject({ phase: 'promoted', reason: '2.0.0 is the baseline now: the bake is over and nothing is worse' });
    expect(published.at(-1)).toMatchObject({ baseline: '2.0.0', rollout: null });
    expect(faults).toEqual([]);
  });

  it('makes the same decisions at the same times when it is restarted at every tick', async () => {
    /** Evidence that comes slowly, with a time of doubt: the holds and releases are part of the comparison. */
    const evidenceAt = (): Assessment => {
      const tick = (nowMs - 1_000_000) / 1_000;
      return assessmentWith({
        candidateUnits: tick * 20,
        signal: tick === 9 ? { name: 'lag', sinceMs: 0, words: 'the signal lag is 9 s' } : null,
        worse: tick >= 15 && tick < 18 ? { name: 'errors', sentence: 'x' } : null,
      });
    };
    assessment = evidenceAt;
    await seconds(await started(), 40);
    const uninterrupted = await story();
    expect(uninterrupted.map(({ move }) => move)).toEqual(expect.arrayContaining(['hold', 'continue', 'bake', 'promoted']));

    await store.close();
    await rm(directory, { recursive: true, force: true });
    store = await createSqliteRolloutStore({ dataDir: directory });
    nowMs = 1_000_000;
    await started();
    for (let tick = 0; tick < 40; tick += 1) {
      await reopen();
      await second(await gateway());
    }
    expect(await story()).toEqual(uninterrupted);
  });

  it('restores the evidence that was kept with the last tick, once a life', async () => {
    const life = await started();
    text = 'evidence of tick 1';
    await seconds(life, 1);
    text = 'evidence of tick 2';
    await seconds(life, 1);
    await reopen();
    await seconds(await gateway(), 2);
    expect(restored).toEqual([null, 'evidence of tick 2']);
  });

  it('begins a new attempt with fresh evidence', async () => {
    const life = await started();
    text = 'of the first';
    await seconds(life, 1);
    await life.control.move('card-fraud', { move: 'rollback' }, byHand);
    await life.control.move('card-fraud', { move: 'start' }, byHand);
    await seconds(life, 1);
    expect(restored).toEqual([null, null]);
  });
});

describe('time', () => {
  it('does not pass a step while the gateway is down', async () => {
    await started();
    nowMs += 3_600_000;
    await reopen();
    const life = await gateway();
    await seconds(life, 2);
    expect(life.control.get('card-fraud')).toMatchObject({ phase: 'progressing', step: 0 });
    await seconds(life, 1);
    expect(life.control.get('card-fraud')).toMatchObject({ step: 1, weight: 1 });
  });

  it('counts a long stop of the process as five seconds', async () => {
    const life = await started();
    await seconds(life, 5);
    assessment = () => assessmentWith({ candidateUnits: 0 });
    const [before] = await store.load();
    nowMs += 3_600_000;
    await life.engine.tick();
    const [after] = await store.load();
    expect((after?.stepElapsedMs ?? 0) - (before?.stepElapsedMs ?? 0)).toBe(5_000);
  });

  it('does not pass a step while the candidate is not available', async () => {
    const life = await started();
    await life.control.reconcile(found(['1.4.0'], [planned]));
    await seconds(life, 10);
    expect(life.control.get('card-fraud')).toMatchObject({ step: 0, effective_weight: 0 });
    await life.control.reconcile(found(['1.4.0', '2.0.0'], [planned]));
    await seconds(life, 2);
    expect(life.control.get('card-fraud')).toMatchObject({ step: 0 });
  });
});

const bad = (): Assessment =>
  assessmentWith({ evidence: { value: 250, threshold: 100 }, worse: { name: 'errors', sentence: '45 of 1,000 against 90 of 9,000' } });

describe('a bad candidate', () => {
  it('is out of the traffic when the tick that finds it resolves, and stays out', async () => {
    const life = await started();
    await seconds(life, 8);
    expect(published.at(-1)).toMatchObject({ rollout: { weightHundredths: 1_000 } });
    assessment = bad;
    await second(life);
    expect(published.at(-1)).toMatchObject({ baseline: '1.4.0', rollout: null });
    expect(life.control.get('card-fraud')).toMatchObject({ phase: 'rolled-back', weight: 0, effective_weight: 0 });
    expect((await story()).at(-1)).toMatchObject({
      move: 'rollback',
      actor: 'gateway',
      reason: 'Rolled back: 45 of 1,000 against 90 of 9,000; evidence 250, needed 100.',
    });
    await reopen();
    const next = await gateway();
    await seconds(next, 3);
    expect(next.control.get('card-fraud')).toMatchObject({ phase: 'rolled-back' });
    expect(published.at(-1)).toMatchObject({ baseline: '1.4.0', rollout: null });
  });

  it('is rolled back in the bake too', async () => {
    const life = await started();
    await seconds(life, 14);
    expect(life.control.get('card-fraud').phase).toBe('baking');
    assessment = bad;
    await second(life);
    expect(published.at(-1)).toMatchObject({ baseline: '1.4.0', rollout: null });
  });

  it('is rolled back while the store is down, and that is kept when the store is back', async () => {
    const life = await started();
    await seconds(life, 8);
    const { save, saveProgress } = store;
    const broken = () => Promise.reject(new Error('disk full'));
    Object.assign(store, { save: broken, saveProgress: broken });
    assessment = bad;
    await second(life);
    expect(published.at(-1)).toMatchObject({ baseline: '1.4.0', rollout: null });
    expect(life.control.get('card-fraud').effective_weight).toBe(0);
    // The evidence may look better later: what was decided stays decided.
    assessment = healthy;
    Object.assign(store, { save, saveProgress });
    await second(life);
    expect(life.control.get('card-fraud')).toMatchObject({ phase: 'rolled-back', weight: 0 });
    expect(published.at(-1)?.epoch).toBe(life.control.get('card-fraud').epoch);
  });
});

describe('a store that hangs', () => {
  /** From now on the calls of these names are asked and not answered until they are told to go on. */
  const hang = (...names: readonly ('save' | 'saveProgress')[]): (() => void) => {
    const { promise, resolve } = Promise.withResolvers<void>();
    for (const name of names) {
      const call = store[name] as (change: unknown) => Promise<unknown>;
      Object.assign(store, {
        [name]: async (change: unknown) => {
          await promise;
          return call(change);
        },
      });
    }
    return resolve;
  };

  it('keeps no bad candidate in the traffic, and what it keeps in the end is taken for kept', async () => {
    const life = await started();
    await seconds(life, 8);
    const { revision } = life.control.get('card-fraud');
    const goOn = hang('save');
    assessment = bad;
    let isOver = false;
    const looking = second(life).then(() => {
      isOver = true;
    });
    await expect.poll(() => published.at(-1)?.rollout, { interval: 5 }).toBe(null);
    expect(isOver).toBe(false);
    await looking;
    expect(published.at(-1)).toMatchObject({ baseline: '1.4.0', rollout: null });
    expect(life.control.get('card-fraud')).toMatchObject({
      effective_weight: 0,
      reason: 'Rolled back: 45 of 1,000 against 90 of 9,000; evidence 250, needed 100. (in force, and kept as soon as the store answers)',
    });
    await second(life);
    goOn();
    await second(life);
    await second(life);
    expect(life.control.get('card-fraud')).toMatchObject({ phase: 'rolled-back', weight: 0, revision: revision + 1 });
    expect((await story()).filter(({ move }) => move === 'rollback')).toHaveLength(1);
    expect(published.at(-1)?.epoch).toBe(life.control.get('card-fraud').epoch);
    expect(faults).toContain('card-fraud: a rollback is in force and not kept yet');
  });

  it('holds up no other model', async () => {
    const files = found(['1.4.0', '2.0.0'], [planned, planFile({ model: 'search-ranker', steps }, 'rollout/search-ranker.yaml')]);
    const ranker = ['1.4.0', '2.0.0'].map((version) => ({ model: 'search-ranker', version, digest: version }));
    const life = await gateway({ ...files, versions: [...files.versions, ...ranker] });
    for (const model of ['card-fraud', 'search-ranker']) await life.control.move(model, { move: 'start' }, byHand);
    const stuck = Promise.withResolvers<Assessment>();
    const looks: string[] = [];
    assessment = (model) => {
      looks.push(model);
      return model === 'card-fraud' ? (stuck.promise as unknown as Assessment) : healthy();
    };
    nowMs += 1_000;
    const first = life.engine.tick();
    await life.control.move('search-ranker', { move: 'pause' }, byHand);
    nowMs += 1_000;
    const later = life.engine.tick();
    await life.control.move('search-ranker', { move: 'resume' }, byHand);
    stuck.resolve(healthy());
    await Promise.all([first, later]);
    expect(looks).toEqual(['card-fraud', 'search-ranker', 'search-ranker']);
    await second(life);
    // The time of the tick that was left out is not lost.
    expect(life.control.get('card-fraud').step).toBe(1);
  });
});

describe('a store that is down', () => {
  it('freezes the rollout where it is, and shows it held', async () => {
    const life = await started();
    const { saveProgress } = store;
    Object.assign(store, { saveProgress: () => Promise.reject(new Error('disk full')) });
    await seconds(life, 10);
    expect(life.control.get('card-fraud')).toMatchObject({ phase: 'held', step: 0, reason: 'held: the store, which is down' });
    expect(faults[0]).toBe('card-fraud: disk full');
    Object.assign(store, { saveProgress });
    await seconds(life, 2);
    expect(life.control.get('card-fraud')).toMatchObject({ phase: 'progressing', step: 0 });
    await seconds(life, 1);
    expect(life.control.get('card-fraud').step).toBe(1);
  });
});

describe('ticking', () => {
  it('harms no other model when one throws', async () => {
    const files = found(['1.4.0', '2.0.0'], [planned, planFile({ model: 'search-ranker', steps }, 'rollout/search-ranker.yaml')]);
    const ranker = ['1.4.0', '2.0.0'].map((version) => ({ model: 'search-ranker', version, digest: version }));
    const life = await gateway({ ...files, versions: [...files.versions, ...ranker] });
    for (const model of ['card-fraud', 'search-ranker']) await life.control.move(model, { move: 'start' }, byHand);
    assessment = (model) => {
      if (model === 'card-fraud') throw new Error('no measure');
      return assessmentWith();
    };
    await seconds(life, 4);
    expect(life.control.get('search-ranker').step).toBeGreaterThan(0);
    expect(life.control.get('card-fraud').step).toBe(0);
    expect(new Set(faults)).toEqual(new Set(['card-fraud: no measure']));
  });

  it('is one at a time', async () => {
    const life = await started();
    let looks = 0;
    assessment = () => {
      looks += 1;
      return healthy();
    };
    await Promise.all([life.engine.tick(), life.engine.tick()]);
    expect(looks).toBe(1);
  });

  it('leaves pending rollouts alone', async () => {
    const life = await gateway();
    await seconds(life, 3);
    expect(life.control.get('card-fraud')).toMatchObject({ phase: 'pending', revision: 1 });
    expect(restored).toEqual([]);
  });

  it('bumps no revision while nothing is decided', async () => {
    const life = await started();
    await seconds(life, 2);
    expect(life.control.get('card-fraud').revision).toBe(2);
  });
});

describe('the state', () => {
  it('shows evidence, guardrails, ineligible share and what comes next', async () => {
    const life = await started();
    assessment = () => assessmentWith({ ineligibleShare: 0.0002, guardrails: [errorsGuardrail('undecided')], candidateUnits: 0 });
    await seconds(life, 6);
    expect(life.control.get('card-fraud')).toMatchObject({
      phase: 'progressing',
      step: 2,
      evidence: { value: 1.8, threshold: 100 },
      ineligible_share: 0.0002,
      guardrails: [{ name: 'errors', verdict: 'undecided', candidate: { n: 1_020, events: 4 } }],
      next: { move: 'advance', not_before: new Date(nowMs + 1_000).toISOString(), deadline: new Date(nowMs + 58_000).toISOString() },
    });
    await seconds(life, 3);
    expect(life.control.get('card-fraud')).toMatchObject({ phase: 'held', reason: 'held: 0 of 100 candidate requests', next: { move: 'advance' } });
  });

  it('has no times while the clock stands, and no next move while a person waits', async () => {
    const life = await started();
    assessment = () => assessmentWith({ signal: { name: 'lag', sinceMs: 0, words: 'the signal lag is 9 s' } });
    await seconds(life, 1);
    expect(life.control.get('card-fraud')).toMatchObject({ phase: 'held', next: { move: 'advance', not_before: null, deadline: null } });
    await life.control.move('card-fraud', { move: 'pause' }, byHand);
    expect(life.control.get('card-fraud').next).toBeNull();
  });

  it('keeps the weight but not its effect while a signal lasts', async () => {
    const life = await started();
    await life.control.setWeight('card-fraud', { weight: 25, ...byHand });
    assessment = () => assessmentWith({ signal: { name: 'lag', sinceMs: 0, words: 'the signal lag is 9 s' } });
    await second(life);
    expect(life.control.get('card-fraud')).toMatchObject({ phase: 'paused', weight: 25, effective_weight: 0 });
    expect(published.at(-1)).toMatchObject({ rollout: { weightHundredths: 0, match: [] } });
    assessment = healthy;
    await second(life);
    expect(life.control.get('card-fraud')).toMatchObject({ phase: 'paused', weight: 25, effective_weight: 25 });
  });
});
