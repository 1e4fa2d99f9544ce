import { createHash } from 'node:crypto';
import request from 'supertest';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parseKeys } from '../../src/http/keys-file.ts';
import { createTestAdmin, type TestAdmin } from '../support/admin-app.ts';

let admin: TestAdmin;
beforeEach(async () => {
  admin = await createTestAdmin();
});
afterEach(() => admin.close());

const move = (name: string, body: unknown = { reason: 'a try' }, headers: Record<string, string> = {}) =>
  request(admin.app)
    .post(`/rollouts/card-fraud/${name}`)
    .set({ 'content-type': 'application/json', ...headers })
    .send(JSON.stringify(body));

const setWeight = (weight = 25, headers: Record<string, string> = {}) =>
  request(admin.app)
    .put('/rollouts/card-fraud/weight')
    .set({ 'content-type': 'application/json', ...headers })
    .send(JSON.stringify({ weight, reason: 'a try' }));

describe('a move', () => {
  it('is in force and recorded when it is answered', async () => {
    const { body } = await move('start').expect(200).expect('etag', '"2"');
    expect(body).toMatchObject({ phase: 'progressing', weight: 10, effective_weight: 10, step: 0, revision: 2, reason: 'a try', next: { move: 'advance' } });
    expect(admin.published.at(-1)?.rollout?.weightHundredths).toBe(1_000);
    expect((await admin.rollouts.decisions('card-fraud', { limit: 1 }))[0]).toMatchObject({ move: 'start', actor: 'anonymous', reason: 'a try' });
  });

  it('takes the rollout through its phases', async () => {
    for (const [name, phase] of [
      ['start', 'progressing'],
      ['pause', 'paused'],
      ['resume', 'progressing'],
      ['promote', 'baking'],
      ['rollback', 'rolled-back'],
    ] as const) {
      expect((await move(name).expect(200)).body.phase).toBe(phase);
    }
    expect(admin.published.at(-1)).toMatchObject({ baseline: '1.4.0', rollout: null });
  });

  it('is refused with the phase and the legal moves', async () => {
    const { body } = await move('resume').expect(409);
    expect(body).toMatchObject({ type: '/problems/rollout-conflict', detail: 'resume is not legal in phase pending; legal moves: start, set-weight.' });
  });

  it('is refused at another revision', async () => {
    await move('start', undefined, { 'if-match': '"7"' }).expect(409);
    await move('start', undefined, { 'if-match': 'x' }).expect(400);
    await move('start', undefined, { 'if-match': '"1"' }).expect(200);
  });

  it.each([{}, { reason: ' ' }, { reason: 'x', full: true }, { reason: 'x'.repeat(501) }, []])('is refused with the body %j', async (body) => {
    await move('start', body).expect(400);
    expect(admin.rollouts.get('card-fraud').revision).toBe(1);
  });

  it('takes all steps in full', async () => {
    await move('start');
    expect((await move('promote', { reason: 'x', full: true }).expect(200)).body).toMatchObject({ phase: 'baking', weight: 100 });
    await move('promote', { reason: 'x', full: 'yes' }).expect(400);
  });
});

describe('while the store does not answer', () => {
  it.each([
    { before: [], asked: ['set-weight', 'start'] },
    { before: ['start'], asked: ['pause', 'promote'] },
    { before: ['start', 'pause'], asked: ['resume'] },
  ])('$asked are answered 503', async ({ before, asked }) => {
    for (const name of before) await move(name).expect(200);
    admin.hangStore();
    for (const name of asked) {
      const { body } = await (name === 'set-weight' ? setWeight() : move(name)).expect(503).expect('retry-after', /^[12]$/);
      expect(body.type).toBe('/problems/overloaded');
    }
  });

  it('a rollback is answered 200', async () => {
    await move('start').expect(200);
    admin.hangStore();
    expect((await move('rollback').expect(200)).body.effective_weight).toBe(0);
  });
});

describe('a new attempt', () => {
  it('of a rolled-back candidate is a new rollout that states what repeating costs', async () => {
    await move('start');
    await move('rollback');
    const { body } = await move('start', { reason: 'the cause is fixed' }).expect(200);
    expect(body).toMatchObject({
      rollout: 'rollout-2',
      attempt: 2,
      phase: 'progressing',
      epoch: 4,
      evidence: null,
      reason: 'the cause is fixed (attempt 2: a candidate within its margins is rolled back in one of 2 attempts with a probability of at most 2 %)',
    });
  });
});

describe('an Idempotency-Key', () => {
  const key = { 'idempotency-key': '"8e03978e"' };

  it('makes a repeated move the same move', async () => {
    const first = await move('start', undefined, key).expect(200);
    const again = await move('start', undefined, key).expect(200).expect('etag', '"2"');
    expect(again.body).toEqual(first.body);
    expect(admin.rollouts.get('card-fraud').revision).toBe(2);
  });

  it('is refused for another move', async () => {
    await move('start', undefined, key).expect(200);
    expect((await move('pause', undefined, key).expect(422)).body.type).toBe('/problems/idempotency-mismatch');
    await move('start', { reason: 'another' }, key).expect(422);
    await move('start', undefined, { ...key, 'if-match': '"1"' }).expect(422);
  });

  it('is refused without its quotes', async () => {
    await move('start', undefined, { 'idempotency-key': '8e03978e' }).expect(400);
  });

  it('makes a repeated weight the same move, also after another one', async () => {
    const first = await setWeight(25, key).expect(200);
    await setWeight(0).expect(200);
    const again = await setWeight(25, key).expect(200).expect('etag', '"2"');
    expect(again.body).toEqual(first.body);
    expect(admin.rollouts.get('card-fraud')).toMatchObject({ weight: 0, revision: 3 });
  });

  it('is refused for another weight, and for a move after a weight', async () => {
    await setWeight(25, key).expect(200);
    expect((await setWeight(50, key).expect(422)).body.type).toBe('/problems/idempotency-mismatch');
    await setWeight(25, { ...key, 'if-match': '"1"' }).expect(422);
    await move('resume', undefined, key).expect(422);
    expect(admin.rollouts.get('card-fraud')).toMatchObject({ weight: 25, revision: 2 });
  });

  it('is refused without its quotes, for a weight too', async () => {
    await setWeight(25, { 'idempotency-key': '8e03978e' }).expect(400);
    expect(admin.rollouts.get('card-fraud').revision).toBe(1);
  });

  it('may be used again for a move that was refused', async () => {
    await move('resume', undefined, key).expect(409);
    await move('start', undefined, key).expect(200);
  });
});

it('wants the scope promote to promote, and operate for the rest', async () => {
  await admin.close();
  const digestOf = (secret: string) => createHash('sha256').update(secret).digest('hex');
  const { keys } = parseKeys('keys', `olga ${digestOf('o')} read,operate\npaula ${digestOf('p')} promote`);
  admin = await createTestAdmin({ keys });
  const olga = { authorization: 'Bearer o' };
  const paula = { authorization: 'Bearer p' };
  await move('start', undefined, paula).expect(403);
  await move('start', undefined, olga).expect(200);
  await move('promote', undefined, olga).expect(403);
  await move('promote', undefined, paula).expect(200);
  expect((await admin.rollouts.decisions('card-fraud', { limit: 1 }))[0]).toMatchObject({ move: 'promote', actor: 'paula' });
});
