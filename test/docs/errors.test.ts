import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { problems } from '../../src/problem.ts';
import { markdownTable } from '../support/markdown-table.ts';

test('docs/errors.md lists every problem as the code has it', () => {
  const documented = markdownTable(readFileSync('docs/errors.md', 'utf8'), 'type');
  const expected = Object.entries(problems).map(([type, { status, retryable, title }]) => [type, String(status), retryable ? 'yes' : 'no', title]);
  expect(documented.map((row) => row.slice(0, 4))).toEqual(expected);
});

test('every problem of docs/errors.md says when it is sent', () => {
  const documented = markdownTable(readFileSync('docs/errors.md', 'utf8'), 'type');
  expect(documented.filter((row) => (row[4] ?? '').length < 10)).toEqual([]);
});
