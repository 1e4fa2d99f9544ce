import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readSample } from '../../src/cli/read-sample.ts';

const fixtures = 'test/fixtures/foreign-models';
const columns = ['age', 'income', 'debt_ratio', 'open_accounts', 'owns_home'];
let folder = '';

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sample-'));
});
afterAll(() => rm(folder, { recursive: true }));

const file = async (name: string, text: string): Promise<string> => {
  await writeFile(join(folder, name), text);
  return join(folder, name);
};

describe('readSample', () => {
  it('reads CSV as text, with quotes, a byte order mark and Windows line ends', async () => {
    const path = await file('quoted.csv', '\uFEFFage,"full, name"\r\n41,"Ann ""A"", Lee"\r\n,x\r\n');
    expect(await readSample(path)).toEqual({
      columns: ['age', 'full, name'],
      rows: [
        { age: '41', 'full, name': 'Ann "A", Lee' },
        { age: '', 'full, name': 'x' },
      ],
    });
  });

  it('reads JSON lines, columns that some rows have not included', async () => {
    const path = await file('rows.jsonl', '{"a":1}\n\n{"a":2,"b":[1,2]}\n');
    expect(await readSample(path)).toEqual({ columns: ['a', 'b'], rows: [{ a: 1 }, { a: 2, b: [1, 2] }] });
  });

  it('reads Parquet as pandas writes it, whole numbers as bigint', async () => {
    const { columns: read, rows } = await readSample(join(fixtures, 'boosted.parquet'));
    expect([read, rows.length]).toEqual([columns, 300]);
    expect(rows[0]).toEqual({ age: 41n, income: 32_879.84, debt_ratio: 0.1867, open_accounts: 1n, owns_home: 1n });
  });

  it.each(['gzip', 'brotli', 'zstd'])('reads Parquet that is packed with %s', async (codec) => {
    const { rows } = await readSample(join(fixtures, `three-rows.${codec}.parquet`));
    expect(rows.map(({ age }) => age)).toEqual([41n, 69n, 32n]);
  });

  it.each([
    { name: 'rows.xlsx', text: 'x', says: 'expected a file that ends in .csv, .jsonl, .ndjson, .parquet' },
    { name: 'list.jsonl', text: '[1]\n', says: 'row 1: got no object' },
    { name: 'broken.jsonl', text: '{"a":\n', says: 'broken.jsonl: ' },
    { name: 'empty.csv', text: 'a,b\n', says: 'got no rows' },
    { name: 'ragged.csv', text: 'a,b\n1\n', says: 'ragged.csv: ' },
    { name: 'twice.csv', text: 'a,a\n1,2\n', says: 'the column a twice' },
    { name: 'none.parquet', text: 'no parquet at all', says: 'none.parquet: ' },
  ])('refuses $name: $says', async ({ name, text, says }) => {
    await expect(readSample(await file(name, text))).rejects.toThrow(says);
  });

  it('refuses a file that is not there', async () => {
    await expect(readSample(join(folder, 'nowhere.csv'))).rejects.toThrow('ENOENT');
  });
});
