import { expect, test } from 'vitest';
import { createOnceASecond } from '../../../src/data-plane/observe/once-a-second.ts';

test('lets the first of each kind through at once, then one a second with the number of those held back', () => {
  let nowMs = 5_000;
  const onceASecond = createOnceASecond(() => nowMs);
  const seen: [string, number][] = [];
  const say = (kind: string): void => onceASecond(kind, (heldBack) => void seen.push([kind, heldBack]));
  for (const kind of ['a', 'a', 'b', 'a']) say(kind);
  nowMs += 999;
  say('a');
  nowMs += 1;
  say('a');
  nowMs += 5_000;
  say('a');
  expect(seen).toEqual([
    ['a', 0],
    ['b', 0],
    ['a', 3],
    ['a', 0],
  ]);
});
