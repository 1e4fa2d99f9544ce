import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type ControlContext, createControlContext } from '../../../src/control-plane/change-rollout.ts';
import { createRolloutControl, type RolloutControl } from '../../../src/control-plane/rollout-control.ts';
import type { SignalRule } from '../../../src/control-plane/signals/assess-signal.ts';
import { createPager, type SignalPage } from '../../../src/control-plane/signals/page-signals.ts';
import { createSignals, type DeclaringVersion, type Signals } from '../../../src/control-plane/signals/watch-signals.ts';
import { createEngine } from '../../../src/control-plane/tick.ts';
import type { CloudEvent } from '../../../src/notify/cloud-event.ts';
import type { RolloutStore } from '../../../src/store/rollout-store.ts';
import { createSqliteRolloutStore } from '../../../src/store/sqlite-rollout-store.ts';
import { assessmentWith } from '../../support/assessment.ts';
import { noEvidence } from '../../support/no-evidence.ts';
import { found, planFile } from '../../support/rollout-files.ts';

const lag: SignalRule = { name: 'feature-lag', unit: 's', holdAbove: 300, clearBelow: 120, pageAfterMs: 900_000, staleAfterMs: 120_000, whenMissing: 'hold' };
const upstream: SignalRule = { ...lag, name: 'upstream-errors', unit: '%', holdAbove: 5, clearBelow: 1, whenMissing: 'ignore' };
const candidate: DeclaringVersion = {
  model: 'card-fraud',
  version: '2.0.0',
  rules: [lag, upstream],
  onCall: 'payments on-call',
  escalation: ['science@example.com'],
};

/** Simulated time. */
let nowMs = 0;
/** Wall time less simulated time: what a process that ends and starts again sees as time that has passed. */
let downMs = 0;
let directory = '';
let store: RolloutStore;
let pages: CloudEvent<SignalPage>[] = [];
let declared: readonly DeclaringVersion[] = [candidate];
let ids = 0;

beforeEach(async () => {
  nowMs = 1_000_000;
  downMs = 1_800_000_000_000;
  directory = await mkdtemp(join(tmpdir(), 'handoff-signals-'));
  store = await createSqliteRolloutStore({ dataDir: directory });
  await store.outbox.setWebhook(true);
  pages = [];
  declared = [candidate];
  ids = 0;
});
afterEach(async () => {
  await store.close();
  await rm(directory, { recursive: true, force: true });
});

interface Life {
  readonly control: RolloutControl;
  readonly context: ControlContext;
  readonly signals: Signals;
  readonly seconds: (count: number, push?: () => void) => Promise<void>;
}

const life = async (versions = ['1.4.0', '2.0.0'], plan: Record<string, unknown> = {}): Promise<Life> => {
  const clock = { wallMs: () => nowMs + downMs, monotonicMs: () => nowMs };
  const newId = (): string => {
    ids += 1;
    return `id-${ids}`;
  };
  const context = createControlContext({ store, clock, newId, publish: () => undefined });
  const control = createRolloutControl(context);
  await control.reconcile(found(versions, [planFile({ steps: [{ setWeight: 10 }, { pause: { duration: '10s' } }, { setWeight: 100 }], bake: '1h', ...plan })]));
  const kept = await store.outbox.holds();
  const signals = createSignals({ standings: context.standings, declaring: () => declared, ...clock, kept });
  const engine = createEngine({
    context,
    assess: (_model, record) => assessmentWith({ signal: signals.holding(record) }),
    evidence: noEvidence,
    onFault: (_model, error) => {
      throw error;
    },
  });
  const pager = createPager({
    outbox: store.outbox,
    signals,
    standings: context.standings,
    ...clock,
    newId,
    keyId: store.ledger.keyId,
    kept,
    onPage: (event) => pages.push(event),
    onFault: (error) => {
      throw error;
    },
  });
  const seconds: Life['seconds'] = async (count, push = () => undefined) => {
    for (let index = 0; index < count; index += 1) {
      nowMs += 1_000;
      push();
      signals.look();
      await engine.tick();
      await pager.tick();
    }
  };
  return { control, context, signals, seconds };
};

const byHand = { reason: 'a try', actor: 'olga' };

const started = async (): Promise<Life> => {
  const gateway = await life();
  gateway.signals.push('feature-lag', 10);
  await gateway.control.move('card-fraud', { move: 'start' }, byHand);
  await gateway.seconds(1);
  return gateway;
};

const moves = async (): Promise<readonly string[]> => (await store.decisions({ model: 'card-fraud', limit: 100 })).map(({ move }) => move).reverse();

const restart = async (): Promise<void> => {
  await store.close();
  store = await createSqliteRolloutStore({ dataDir: directory });
};

describe('a pushed signal', () => {
  it('answers with the versions that it concerns', async () => {
    const { signals } = await started();
    declared = [candidate, { ...candidate, version: '3.0.0', rules: [{ ...lag, unit: 'min' }] }];
    expect(signals.push('feature-lag', 412)).toEqual({
      signal: 'feature-lag',
      value: 412,
      concerns: [
        { model: 'card-fraud', version: '2.0.0', unit: 's', role: 'candidate', holds: true },
        { model: 'card-fraud', version: '3.0.0', unit: 'min', role: 'none', holds: false },
      ],
    });
  });

  it.each([
    { title: 'names the known ones', known: [candidate], detail: 'There is no signal "lag": the loaded versions declare feature-lag, upstream-errors.' },
    { title: 'says that there are none', known: [], detail: 'There is no signal "lag": no loaded version declares one.' },
  ])('that nobody declares $title', async ({ known, detail }) => {
    const { signals } = await life();
    declared = known;
    expect(() => signals.push('lag', 1)).toThrow(expect.objectContaining({ type: 'not-found', message: detail }));
  });

  it('counts above the limit although it is between the limits by the next tick', async () => {
    const { control, signals, seconds } = await started();
    signals.push('feature-lag', 301);
    signals.push('feature-lag', 200);
    await seconds(1);
    expect(control.get('card-fraud')).toMatchObject({ phase: 'held', effective_weight: 0 });
  });
});

describe('a signal above its limit', () => {
  it('holds the rollout, keeps its weight and gives it back', async () => {
    const { control, signals, seconds } = await started();
    signals.push('feature-lag', 412);
    await seconds(1);
    expect(control.get('card-fraud')).toMatchObject({
      phase: 'held',
      weight: 10,
      effective_weight: 0,
      reason: 'held: the signal feature-lag is 412 s, above its limit of 300 s; it holds for 1 s; the baseline answers',
    });
    await seconds(2);
    expect(control.get('card-fraud').reason).toBe('held: the signal feature-lag is 412 s, above its limit of 300 s; it holds for 3 s');
    signals.push('feature-lag', 200);
    await seconds(1);
    expect(control.get('card-fraud')).toMatchObject({
      phase: 'held',
      reason: expect.stringContaining('within its limit of 300 s but not below 120 s yet'),
    });
    signals.push('feature-lag', 119);
    await seconds(1);
    expect(control.get('card-fraud')).toMatchObject({ phase: 'progressing', weight: 10, effective_weight: 10 });
    expect((await moves()).slice(-2)).toEqual(['hold', 'continue']);
  });

  it('lets no step time pass', async () => {
    const { control, signals, seconds } = await started();
    const { step } = control.get('card-fraud');
    await seconds(30, () => signals.push('feature-lag', 412));
    expect(control.get('card-fraud').step).toBe(step);
    await seconds(30, () => signals.push('feature-lag', 1));
    expect(control.get('card-fraud').step).toBeGreaterThan(step);
  });

  it('lets a person set a weight, which is in force when it is over, and says so meanwhile', async () => {
    const { control, signals, seconds } = await started();
    signals.push('feature-lag', 412);
    await seconds(1);
    await control.setWeight('card-fraud', { weight: 25, ...byHand });
    await seconds(1);
    expect(control.get('card-fraud')).toMatchObject({
      phase: 'paused',
      weight: 25,
      effective_weight: 0,
      reason: expect.stringMatching(/^a try \(the baseline answers: the signal feature-lag is 412 s/),
    });
    signals.push('feature-lag', 1);
    await seconds(1);
    expect(control.get('card-fraud')).toMatchObject({ phase: 'paused', weight: 25, effective_weight: 25 });
  });

  it('goes on under the name of another signal that holds', async () => {
    const { control, context, signals, seconds } = await started();
    signals.push('feature-lag', 412);
    await seconds(1);
    signals.push('upstream-errors', 9);
    await seconds(1);
    expect(context.standings.get('card-fraud')?.record?.signal).toBe('feature-lag');
    signals.push('feature-lag', 1);
    await seconds(1);
    expect(context.standings.get('card-fraud')?.record?.signal).toBe('upstream-errors');
    expect(control.get('card-fraud')).toMatchObject({ phase: 'held', effective_weight: 0, reason: expect.stringContaining('upstream-errors is 9 %') });
    signals.push('upstream-errors', 0);
    await seconds(1);
    expect(control.get('card-fraud')).toMatchObject({ phase: 'progressing', effective_weight: 10 });
  });

  it('takes no traffic from a candidate that does not declare it', async () => {
    declared = [{ ...candidate, version: '1.4.0' }];
    const { control, seconds } = await life();
    await control.move('card-fraud', { move: 'start' }, byHand);
    await seconds(300);
    expect(control.get('card-fraud')).toMatchObject({ phase: 'baking', effective_weight: 100 });
  });
});

describe('a signal without a value', () => {
  it('has its declared meaning once a value was due', async () => {
    const { control, seconds } = await life();
    await control.setWeight('card-fraud', { weight: 10, ...byHand });
    await seconds(121);
    expect(control.get('card-fraud')).toMatchObject({ effective_weight: 10 });
    await seconds(1);
    expect(control.get('card-fraud')).toMatchObject({ effective_weight: 0, reason: expect.stringContaining('feature-lag is missing') });
  });

  it('that went stale holds until a value below the lower limit comes', async () => {
    const { control, signals, seconds } = await started();
    await seconds(120);
    expect(control.get('card-fraud')).toMatchObject({
      effective_weight: 0,
      reason: expect.stringContaining('feature-lag is stale: its last value, 10 s, came 2 min ago'),
    });
    signals.push('feature-lag', 20);
    await seconds(1);
    expect(control.get('card-fraud').effective_weight).toBeGreaterThan(0);
  });
});

describe('a restart', () => {
  it('leaves a hold in force until a value comes', async () => {
    const before = await started();
    before.signals.push('feature-lag', 412);
    await before.seconds(1);
    await restart();
    const after = await life();
    await after.seconds(1);
    expect(after.control.get('card-fraud')).toMatchObject({
      phase: 'held',
      effective_weight: 0,
      reason: expect.stringContaining('held when the gateway ended'),
    });
    after.signals.push('feature-lag', 1);
    await after.seconds(1);
    expect(after.control.get('card-fraud')).toMatchObject({ phase: 'progressing', effective_weight: 10 });
  });

  it('leaves a clear signal clear until a value was due', async () => {
    await started();
    await restart();
    const after = await life();
    await after.seconds(5);
    expect(after.control.get('card-fraud').effective_weight).toBe(10);
    await after.seconds(130);
    expect(after.control.get('card-fraud').effective_weight).toBe(0);
  });
});

describe('a page', () => {
  const notices = async () => {
    const heads = await store.outbox.heads();
    const contents = await Promise.all(heads.map(({ position }) => store.outbox.read(position)));
    return contents.flatMap((content) => (content?.kind === 'notice' ? [JSON.parse(content.event) as CloudEvent<SignalPage>] : []));
  };

  it('comes once when a signal holds for long, and is resolved when it is over', async () => {
    const { signals, seconds } = await started();
    await seconds(900, () => signals.push('feature-lag', 412));
    expect(pages).toEqual([]);
    await seconds(400, () => signals.push('feature-lag', 412));
    expect(pages).toMatchObject([
      {
        type: 'handoff.page.raised',
        subject: 'card-fraud',
        data: {
          reason: 'the signal feature-lag is 412 s, above its limit of 300 s; it holds for 15 min',
          signal: { name: 'feature-lag', value: 412 },
          version: '2.0.0',
          role: 'candidate',
          on_call: 'payments on-call',
        },
      },
    ]);
    expect(await notices()).toEqual(pages);
    await seconds(5, () => signals.push('feature-lag', 1));
    expect(pages.map(({ type }) => type)).toEqual(['handoff.page.raised', 'handoff.page.resolved']);
    expect(pages[1]?.data.page).toEqual(pages[0]?.data.page);
    expect(await store.outbox.holds()).toEqual([]);
  });

  it('does not come when the hold is over before', async () => {
    const { signals, seconds } = await started();
    await seconds(890, () => signals.push('feature-lag', 412));
    await seconds(5, () => signals.push('feature-lag', 1));
    await seconds(890, () => signals.push('feature-lag', 412));
    expect(pages).toEqual([]);
  });

  it('counts the hold and is not raised again over a restart', async () => {
    const first = await started();
    await first.seconds(500, () => first.signals.push('feature-lag', 412));
    await restart();
    downMs += 60_000;
    const second = await life();
    await second.seconds(420, () => second.signals.push('feature-lag', 412));
    expect(pages.map(({ type }) => type)).toEqual(['handoff.page.raised']);
    await restart();
    const third = await life();
    await third.seconds(5, () => third.signals.push('feature-lag', 412));
    expect(pages).toHaveLength(1);
    await third.seconds(1, () => third.signals.push('feature-lag', 1));
    expect(pages.map(({ data }) => data.page.id)).toEqual([pages[0]?.data.page.id, pages[0]?.data.page.id]);
  });

  it('is resolved when the rollout ends', async () => {
    const { control, signals, seconds } = await started();
    await seconds(920, () => signals.push('feature-lag', 412));
    await control.move('card-fraud', { move: 'rollback' }, byHand);
    await seconds(1);
    expect(pages.at(-1)).toMatchObject({ type: 'handoff.page.resolved', data: { reason: 'card-fraud 2.0.0 has no traffic any more' } });
  });

  it('comes for a baseline too, which has no fallback', async () => {
    const { control, signals, seconds } = await life(['2.0.0'], { baseline: '2.0.0', candidate: '3.0.0' });
    await seconds(902, () => signals.push('feature-lag', 412));
    expect(control.list()).toEqual([]);
    expect(pages).toMatchObject([{ type: 'handoff.page.raised', data: { version: '2.0.0', role: 'baseline', rollout: null } }]);
  });
});
