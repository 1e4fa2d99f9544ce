import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { errorWords } from '../../src/cli/error-words.ts';

test('what the system refused is said in a sentence', async () => {
  const error: unknown = await readFile('no-such-file').catch((reason: unknown) => reason);
  expect(errorWords(error)).toBe("ENOENT: no such file or directory, open 'no-such-file'");
});

test('a bug keeps its stack, and a thrown value that is no error is shown', () => {
  const bug = new TypeError('nothing is no bundle');
  expect(errorWords(bug)).toBe(bug.stack);
  expect(errorWords('odd')).toBe('odd');
});
