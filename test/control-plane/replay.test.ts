import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { acceptanceSchema } from '../../src/bundle/acceptance.ts';
import type { Found } from '../../src/control-plane/reconcile-bundles.ts';
import { replayLedger } from '../../src/control-plane/replay/replay-ledger.ts';
import { canonicalJson } from '../../src/ledger/canonical-json.ts';
import { linkEntry } from '../../src/ledger/chain.ts';
import type { LedgerEntry } from '../../src/ledger/ledger-entry.ts';
import { verifyChain } from '../../src/ledger/verify-chain.ts';
import { openLedgerReader } from '../../src/store/sqlite-ledger-reader.ts';
import { ledgerKey } from '../support/ledger-lines.ts';
import { beginLife, type Life, type World } from '../support/live-rollouts.ts';
import { createRandom } from '../support/random.ts';
import { found, planFile } from '../support/rollout-files.ts';

let world: World;
let lives: Life[] = [];
beforeEach(async () => {
  world = { dataDir: await mkdtemp(join(tmpdir(), 'handoff-replay-')), random: createRandom(11), nowMs: 1_767_225_600_000, lives: 0, ids: 0 };
  lives = [];
});
afterEach(async () => {
  for (const { store } of lives) await store.close();
  await rm(world.dataDir, { recursive: true, force: true });
});

const acceptance = acceptanceSchema.parse({
  apiVersion: 'handoff/v1',
  kind: 'Acceptance',
  criteria: [
    { name: 'errors', metric: { kind: 'errorRate' }, compareTo: 'baseline', margin: { absolute: 0.002 }, appliesTo: ['live'] },
    { name: 'breaches', metric: { kind: 'breachRate' }, compareTo: 'baseline', margin: { absolute: 0.001 }, appliesTo: ['live'] },
    { name: 'flagged', metric: { kind: 'outputRate', output: 'flagged' }, compareTo: 'baseline', margin: { relative: 0.3 }, appliesTo: ['live'] },
  ],
});

const steps = [{ setWeight: 50 }, { analysis: { atLeast: '100s', minSamples: 500, deadline: '1000s', require: [] } }, { setWeight: 100 }];

const filesOf = (models: readonly string[], changes: object): Found => ({
  versions: models.flatMap((model) => found(['1.4.0', '2.0.0']).versions.map((version) => ({ ...version, model, acceptance }))),
  plans: models.map((model) => planFile({ model, steps, bake: '10s', ...changes }, `rollout/${model}.yaml`)),
});

const begin = async (changes: object = {}, models: readonly string[] = ['card-fraud']): Promise<Life> => {
  const life = await beginLife(world, filesOf(models, changes));
  lives.push(life);
  return life;
};

const end = async (life: Life): Promise<void> => {
  lives = lives.filter((other) => other !== life);
  await life.store.close();
};

const byHand = { reason: 'a try', actor: 'olga' };
const start = (life: Life) => life.control.move('card-fraud', { move: 'start' }, byHand);
const seconds = async (life: Life, count: number, requests: Parameters<Life['second']>[0] = {}): Promise<void> => {
  for (let index = 0; index < count; index += 1) await life.second(requests);
};

const linesOf = (): string[] => {
  const reader = openLedgerReader(world.dataDir);
  try {
    return [...reader.lines()];
  } finally {
    reader.close();
  }
};
const entriesOf = (lines: readonly string[]): LedgerEntry[] => lines.map((line) => JSON.parse(line) as LedgerEntry);
const decisionsOf = (lines: readonly string[]): string[] => entriesOf(lines).flatMap((entry) => (entry.kind === 'decision' ? [entry.body.move] : []));

/** Bodies as they are parsed: the changes below say which parts they touch. */
type Body = { [name: string]: Body } & Body[];

/** Someone with the key changes the bodies of entries and seals them and all that follow anew. */
const resealedAll = (lines: readonly string[], change: (body: Body, sequence: number) => void): string[] => {
  const sealed: LedgerEntry[] = [];
  for (const entry of entriesOf(lines)) {
    const next = structuredClone(entry);
    change(next.body as unknown as Body, entry.sequence);
    sealed.push(linkEntry(next, { head: sealed.at(-1) ?? null, key: ledgerKey }));
  }
  return sealed.map(canonicalJson);
};

const resealed = (lines: readonly string[], changed: number, change: (body: Body) => void): string[] =>
  resealedAll(lines, (body, sequence) => {
    if (sequence === changed) change(body);
  });

const isAuthentic = async (lines: readonly string[]) => (await verifyChain(lines, { keys: new Map([[ledgerKey.id, ledgerKey]]), head: null })).verifies;

describe('a replay', () => {
  it('makes every decision of a good rollout again', async () => {
    const life = await begin();
    await start(life);
    await seconds(life, 130);
    expect(life.faults).toEqual([]);
    const lines = linesOf();
    expect(decisionsOf(lines)).toEqual(['accept', 'start', 'advance', 'advance', 'bake', 'promoted']);
    expect(await replayLedger(lines)).toMatchObject({ agrees: true, rollouts: 1, blocks: 1, decisions: 6, withoutRules: 0 });
  });

  it('makes the rollback of a bad candidate again, with what led to it', async () => {
    const life = await begin();
    await start(life);
    await seconds(life, 90, { rates: { baseline: 0.01, candidate: 0.02 } });
    await seconds(life, 60, { rates: { baseline: 0.01, candidate: 0.3 } });
    const lines = linesOf();
    expect(decisionsOf(lines).at(-1)).toBe('rollback');
    const last = entriesOf(lines).at(-1);
    expect(last?.body).toMatchObject({
      evidence: {
        before: { phase: 'progressing', step: 1, weightHundredths: 5_000 },
        findings: {
          blamed: 'errors',
          threshold: 100,
          alpha: 0.01,
          guards: [
            {
              name: 'errors',
              hypothesis: "the candidate's error rate is above the baseline's by no more than 0.2 points",
              verdict: 'worse',
              exactness: 'exact',
              interval: [expect.any(Number), expect.any(Number)],
              examples: new Array(5).fill(expect.stringMatching(/^request-\d+-candidate$/)),
            },
            { name: 'breaches', verdict: expect.not.stringMatching('worse'), examples: [] },
            { name: 'flagged', examples: [] },
          ],
          sampleRatio: { ok: true },
          exposure: { candidateRequests: expect.any(Number), guard: 'errors', excessBadEstimate: expect.any(Number) },
          dataHealth: { unit: 'request', pending0: 0, pending1: 0 },
        },
      },
    });
    expect(await replayLedger(lines)).toMatchObject({ agrees: true, blocks: expect.any(Number) });
  });

  it('goes through operator moves, clean restarts, unclean exits, pending requests, keyed and idle times', async () => {
    let life = await begin({ routingKey: { header: 'x-user' } });
    await start(life);
    await seconds(life, 70, { users: 3_000 });
    await life.control.move('card-fraud', { move: 'pause' }, byHand);
    await seconds(life, 200, { perSecond: 0 });
    await life.control.setWeight('card-fraud', { ...byHand, weight: 20 });
    await seconds(life, 65, { users: 9_000, pending: 2 });
    await end(life);
    // As a kill leaves it: what was pending stays so.
    const database = new DatabaseSync(join(world.dataDir, 'handoff.db'));
    database.exec('update lives set under_way = 1');
    database.close();
    life = await begin({ routingKey: { header: 'x-user' } });
    await seconds(life, 70, { users: 9_000 });
    await life.control.move('card-fraud', { move: 'resume' }, byHand);
    await seconds(life, 90, { users: 20_000, rates: { baseline: 0.01, candidate: 0.4 } });
    expect(life.faults).toEqual([]);
    const lines = linesOf();
    expect(decisionsOf(lines)).toEqual(['accept', 'start', 'advance', 'pause', 'set-weight', 'unclean-exit', 'resume', 'rollback']);
    const blocks = entriesOf(lines).flatMap((entry) => (entry.kind === 'block' ? [entry.body] : []));
    expect(blocks.some(({ emptyBefore }) => emptyBefore > 1)).toBe(true);
    expect(new Set(blocks.map(({ incarnation }) => incarnation))).toEqual(new Set(['life-1', 'life-2']));
    expect(await replayLedger(lines)).toMatchObject({ agrees: true, rollouts: 1, blocks: blocks.length });
    // The harm began ten seconds into the block that was under way, after the first life's blocks had been folded.
    const last = entriesOf(lines).at(-1)?.body as unknown as Body;
    expect(last.evidence?.open?.at(-1)).toMatchObject({ number: 8, from: '2026-01-01T00:06:35.000Z' });
    expect(last.evidence?.findings?.guards).toMatchObject([
      { name: 'errors', likelyStart: { block: 8, from: '2026-01-01T00:06:35.000Z' } },
      { name: 'breaches', likelyStart: null },
      { name: 'flagged', likelyStart: null },
    ]);
  });

  it('keeps rollouts and models apart', async () => {
    const life = await begin({}, ['card-fraud', 'search-ranker']);
    await start(life);
    await life.control.move('search-ranker', { move: 'start' }, byHand);
    await seconds(life, 65);
    await life.control.move('card-fraud', { move: 'rollback' }, byHand);
    await start(life);
    await seconds(life, 65);
    const verdict = await replayLedger(linesOf());
    expect(verdict).toMatchObject({ agrees: true, rollouts: 3, withoutRules: 0 });
    expect('blocks' in verdict && verdict.blocks).toBe(3);
  });

  it('of an idle rollout has nothing to read: its empty blocks are a number in the next entry', async () => {
    const life = await begin();
    await start(life);
    await life.control.move('card-fraud', { move: 'pause' }, byHand);
    await seconds(life, 600, { perSecond: 0 });
    expect(linesOf()).toHaveLength(3);
    await seconds(life, 70);
    const [block] = entriesOf(linesOf()).flatMap((entry) => (entry.kind === 'block' ? [entry.body] : []));
    expect(block).toMatchObject({ emptyBefore: 10, number: 11 });
    expect(await replayLedger(linesOf())).toMatchObject({ agrees: true, blocks: 1 });
  });
});

describe('what was written anew by someone with the key', () => {
  const written = async (): Promise<string[]> => {
    const life = await begin();
    await start(life);
    await seconds(life, 90, { rates: { baseline: 0.01, candidate: 0.02 } });
    await seconds(life, 60, { rates: { baseline: 0.01, candidate: 0.3 } });
    return linesOf();
  };

  const findingsOf = (body: Body): Body => body.evidence?.findings as Body;

  const raise = (part: Body | undefined, name: string, by: number): void => {
    const parts = part as unknown as Record<string, number>;
    parts[name] = (parts[name] ?? Number.NaN) + by;
  };

  it.each([
    {
      what: 'a count of a block',
      kind: 'block',
      change: (body: Body) => raise(body.counts?.errors?.units?.[0]?.candidate, 'events', 1),
      words: 'ln E',
    },
    { what: 'an e-value of a block', kind: 'block', change: (body: Body) => raise(body, 'lnE', 1e-6), words: 'ln E: it states' },
    { what: 'the number of a block', kind: 'block', change: (body: Body) => raise(body, 'number', 1), words: 'block 2 is not the next one: expected block 1' },
    {
      what: 'a verdict',
      kind: 'rollback',
      change: (body: Body) => void Object.assign(body.evidence?.findings?.guards?.[1] as Body, { verdict: 'worse' }),
      words: 'the verdict on breaches',
    },
    {
      what: 'the move',
      kind: 'rollback',
      change: (body: Body) => void Object.assign(body, { move: 'inconclusive' }),
      words: 'the move: it states inconclusive',
    },
    {
      what: 'a count of an open block',
      kind: 'rollback',
      change: (body: Body) => raise(body.evidence?.open?.[0]?.counts?.errors?.units?.[0]?.baseline, 'n', 1),
      words: 'ln E',
    },
    { what: 'the weight', kind: 'advance', change: (body: Body) => void Object.assign(body, { toWeightHundredths: 9_000 }), words: 'the weight' },
    {
      what: 'when the units of a stratum came',
      kind: 'rollback',
      change: (body: Body) => void Object.assign(findingsOf(body).strata?.[0] as Body, { from: '2025-01-01T00:00:00.000Z' }),
      words: 'from of the rollout at 0.5: it states 2025-01-01T00:00:00.000Z',
    },
    {
      what: "when those of a guard's stratum did",
      kind: 'rollback',
      change: (body: Body) => void Object.assign(findingsOf(body).guards?.[2]?.strata?.[0] as Body, { to: '2025-01-01T00:00:00.000Z' }),
      words: 'to of flagged at 0.5: it states 2025-01-01T00:00:00.000Z',
    },
    {
      what: "the events of a guard's stratum",
      kind: 'rollback',
      change: (body: Body) => raise(findingsOf(body).guards?.[0]?.strata?.[0], 'events1', -1),
      words: 'events1 of errors at 0.5',
    },
    {
      what: 'the block in which the harm began',
      kind: 'rollback',
      change: (body: Body) => raise(findingsOf(body).guards?.[0]?.likelyStart, 'block', 1),
      words: 'the likely start of errors: it states block 2, 2026-01-01T00:00:00.000Z, from the entries follows block 1,',
    },
    {
      what: 'the time of that',
      kind: 'rollback',
      change: (body: Body) => void Object.assign(findingsOf(body).guards?.[0]?.likelyStart as Body, { from: '2025-01-01T00:00:00.000Z' }),
      words: 'the likely start of errors: it states block 1, 2025-01-01T00:00:00.000Z',
    },
    {
      what: 'that none is known',
      kind: 'rollback',
      change: (body: Body) => void Object.assign(findingsOf(body).guards?.[0] as Body, { likelyStart: null }),
      words: 'the likely start of errors: it states null',
    },
    {
      what: 'how many requests a guard still needs',
      kind: 'rollback',
      change: (body: Body) => raise(findingsOf(body).guards?.[1], 'etaRequests', 2),
      words: 'the requests that breaches still needs: it states',
    },
    {
      what: 'the margin in the rules',
      kind: 'accept',
      change: (body: Body) => void Object.assign(body.rules?.acceptance as Body, { criteria: [] }),
      words: 'the rules: they have the digest',
    },
  ])('shows: $what', async ({ kind, change, words }) => {
    const lines = await written();
    const entry = entriesOf(lines).find((candidate) => candidate.kind === kind || (candidate.kind === 'decision' && candidate.body.move === kind));
    const changed = resealed(lines, entry?.sequence ?? 0, change);
    expect(await isAuthentic(changed)).toBe(true);
    const verdict = await replayLedger(changed);
    expect(verdict).toMatchObject({ agrees: false, sequence: entry?.sequence, fault: 'disagrees' });
    expect('reason' in verdict && verdict.reason).toContain(words);
  });

  it('is not held against the rest where an earlier gateway did not state it', async () => {
    const newer = ['from', 'to', 'likelyStart', 'etaRequests', 'labelJoinRate0', 'labelJoinRate1', 'examples'];
    const stripped = resealedAll(await written(), ({ evidence }) => {
      if (evidence === undefined) return;
      const text = JSON.stringify(evidence.findings);
      Object.assign(evidence, { findings: JSON.parse(text, (name, value) => (newer.includes(name) ? undefined : value)) });
    });
    expect(stripped.some((line) => line.includes('"move":"rollback"') && !line.includes('"strata":[{"from"'))).toBe(true);
    expect(await replayLedger(stripped)).toMatchObject({ agrees: true });
  });

  it('is taken as written where no count tells it: the examples', async () => {
    const lines = await written();
    const changed = resealed(lines, lines.length, (body) => void Object.assign(findingsOf(body).guards?.[0] as Body, { examples: ['another'] }));
    expect(changed.at(-1)).toContain('"examples":["another"]');
    expect(await replayLedger(changed)).toMatchObject({ agrees: true });
  });

  it('shows when a block was left out', async () => {
    const lines = entriesOf(await written()).filter(({ kind }) => kind !== 'block');
    const changed = resealed(lines.map(canonicalJson), 0, () => undefined);
    expect(await isAuthentic(changed)).toBe(true);
    expect(await replayLedger(changed)).toMatchObject({ agrees: false, reason: expect.stringContaining('the number of sealed blocks: it states') });
  });

  it('shows as a broken chain when it was not sealed anew', async () => {
    const lines = await written();
    const index = entriesOf(lines).findIndex(({ kind }) => kind === 'block');
    const changed = lines.with(index, lines[index]?.replace(/"events":\d+/, '"events":99') ?? '');
    expect(await replayLedger(changed)).toMatchObject({ agrees: false, sequence: index + 1, fault: 'changed' });
    expect(await verifyChain(changed, { keys: null, head: null })).toMatchObject({ verifies: false, sequence: index + 1, fault: 'changed' });
  });
});
