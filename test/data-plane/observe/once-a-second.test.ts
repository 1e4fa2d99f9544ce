import { expect, test } from 'vitest';
import { createOnceASecond } from '../../../src/data-plane/observe/once-a-second.ts';

test('lets the first of each kind through at once, then one a second with the number of those held back', () => {
  let nowMs = 5_000;
  const onceASecond = createOnceASecond(() => nowMs);
  const seen: [string, number | null][] = [];
  const say = (kind: string): void => void seen.push([kind, onceASecond(kind)]);
  for (const kind of ['a', 'a', 'b', 'a']) say(kind);
  nowMs += 999;
  say('a');
  nowMs += 1;
  say('a');
  nowMs += 5_000;
  say('a');
  expect(seen).toEqual([
    ['a', 0],
    ['a', null],
    ['b', 0],
    ['a', null],
    ['a', null],
    ['a', 3],
    ['a', 0],
  ]);
});
