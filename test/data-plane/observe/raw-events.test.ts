import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { expect, onTestFinished, test } from 'vitest';
import { tellAssigned, tellFailed, tellPairBegun, tellPairEnded } from '../../../src/data-plane/observe/raw-events.ts';

const model = { name: 'card-fraud', traffic: { model: 'card-fraud', epoch: 7, baseline: '1.4.0', rollout: null } };
const pair = { rollout: 'a rollout', requestId: 'a', order: ['candidate', 'baseline'] } as const;
const unit = { second: 12 };

const tellAll = (): void => {
  tellAssigned('a', model, { assignment: { arm: 'candidate' }, unit });
  tellAssigned('b', model, { assignment: { arm: null }, unit: null });
  tellFailed('a', 'breach');
  tellPairBegun(pair, unit);
  tellPairEnded(pair, { baseline: 'lost' }, null);
};

const hear = (): unknown[] => {
  const heard: unknown[] = [];
  const listen = (message: unknown): void => void heard.push(message);
  for (const name of ['assigned', 'failed', 'pair']) {
    subscribe(`handoff:${name}`, listen);
    onTestFinished(() => void unsubscribe(`handoff:${name}`, listen));
  }
  return heard;
};

test('tells facts to whoever subscribes, in their order', () => {
  const heard = hear();
  tellAll();
  expect(heard).toEqual([
    { requestId: 'a', model: 'card-fraud', rollout: null, epoch: 7, arm: 'candidate', second: 12 },
    { requestId: 'b', model: 'card-fraud', rollout: null, epoch: 7, arm: null, second: null },
    { requestId: 'a', failure: 'breach' },
    { is: 'begun', rollout: 'a rollout', requestId: 'a', order: ['candidate', 'baseline'], second: 12 },
    { is: 'ended', rollout: 'a rollout', requestId: 'a', order: ['candidate', 'baseline'], runs: { baseline: 'lost' }, differ: null },
  ]);
});

test('reads nothing of a request while nobody subscribes', () => {
  const unread = new Proxy(unit, {
    get: () => {
      throw new Error('was read');
    },
  });
  tellAssigned('a', model, { assignment: { arm: 'candidate' }, unit: unread });
  tellPairBegun(pair, unread);
  expect(hear()).toEqual([]);
});
