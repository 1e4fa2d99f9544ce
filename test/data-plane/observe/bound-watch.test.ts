import { describe, expect, test } from 'vitest';
import { type BoundReport, createBoundWatch, type EndedRequest } from '../../../src/data-plane/observe/bound-watch.ts';
import type { Bound, BoundEvent, RolloutAssignment } from '../../../src/store/traffic-assignment.ts';

const boundOf = (objective: string, limit: number, event: BoundEvent): Bound => ({ criterion: 'a-criterion', objective, limit, event });
const slow = [boundOf('p50Ms', 0.5, { kind: 'slow', limitMs: 10 }), boundOf('p95Ms', 0.05, { kind: 'slow', limitMs: 30 })];
const rolloutWith = (bounds: readonly Bound[], id = 'a-rollout') => ({ id, bounds }) as unknown as RolloutAssignment;

type Request = Partial<EndedRequest>;
const answered: EndedRequest = { arm: 'candidate', durationMs: 1, failure: null, answer: { rows: [{ flagged: false }], abstained: 0 } };

const start = (bounds: readonly Bound[]) => {
  const clock = { nowMs: 0 };
  const reports: BoundReport[] = [];
  const ended: string[] = [];
  const watch = createBoundWatch({ monotonicMs: () => clock.nowMs, onMinute: (report) => reports.push(report), onEnd: (model) => ended.push(model) });
  const minute = (requests: readonly Request[], of = rolloutWith(bounds)): void => {
    for (const request of requests) watch.record('card-fraud', of, { ...answered, ...request });
    clock.nowMs += 60_000;
  };
  return { reports, ended, minute, unwatch: () => watch.unwatch('card-fraud') };
};

const times = (count: number, request: Request): readonly Request[] => new Array<Request>(count).fill(request);

describe('the watch over absolute limits', () => {
  test('says of a full minute which limits an arm was beyond, each arm alone', () => {
    const { reports, minute } = start(slow);
    minute([...times(80, { durationMs: 1 }), ...times(20, { durationMs: 31 })]);
    minute(times(100, { arm: 'baseline' }));
    minute(times(1, {}));
    minute(times(1, { arm: 'baseline' }));
    expect(reports.map(({ arm, bound, broken, requests, events }) => [arm, bound.objective, broken, requests, events])).toEqual([
      ['candidate', 'p50Ms', false, 100, 20],
      ['candidate', 'p95Ms', true, 100, 20],
      ['baseline', 'p50Ms', false, 100, 0],
      ['baseline', 'p95Ms', false, 100, 0],
    ]);
  });

  test.each<[BoundEvent, Request, Request]>([
    [{ kind: 'error' }, { failure: 'timeout' }, { failure: 'breach' }],
    [{ kind: 'error' }, { failure: 'error', answer: null }, {}],
    [{ kind: 'breach' }, { failure: 'breach' }, { failure: 'error' }],
    [{ kind: 'abstained' }, { answer: { rows: [], abstained: 1 } }, { answer: null }],
    [{ kind: 'output', output: 'flagged', is: true }, { answer: { rows: [{ flagged: false }, { flagged: true }], abstained: 0 } }, { answer: null }],
    [{ kind: 'output', output: 'flagged', is: false }, {}, { answer: { rows: [{ flagged: true }], abstained: 0 } }],
  ])('counts for %j what had the event and nothing else', (event, having, not) => {
    const { reports, minute } = start([boundOf('max', 0.01, event)]);
    minute([...times(30, having), ...times(12, not)]);
    minute([{}]);
    expect(reports).toMatchObject([{ requests: 42, events: 30, broken: true }]);
  });

  test('goes on from minute to minute: what is too little for one is enough in some', () => {
    const { reports, minute } = start([boundOf('max', 0.01, { kind: 'error' })]);
    for (let passed = 0; passed < 12; passed += 1) minute([...times(57, {}), ...times(3, { failure: 'error' })]);
    const first = reports.findIndex(({ broken }) => broken);
    expect(first).toBeGreaterThan(0);
    expect(reports.slice(first).every(({ broken }) => broken)).toBe(true);
    for (let passed = 0; passed < 20; passed += 1) minute(times(60, {}));
    expect(reports.at(-1)?.broken).toBe(false);
  });

  test('begins anew with another rollout and ends with none, and says so once', () => {
    const { reports, ended, minute, unwatch } = start(slow);
    minute(times(100, { durationMs: 100 }));
    minute(times(100, {}), rolloutWith(slow, 'the-next'));
    expect(ended).toEqual(['card-fraud']);
    expect(reports).toEqual([]);
    unwatch();
    unwatch();
    expect(ended).toEqual(['card-fraud', 'card-fraud']);
  });

  test('keeps nothing where no limit is agreed', () => {
    const { reports, ended, minute, unwatch } = start([]);
    minute(times(200, { durationMs: 100 }));
    minute(times(1, {}));
    unwatch();
    expect([reports, ended]).toEqual([[], []]);
  });
});
