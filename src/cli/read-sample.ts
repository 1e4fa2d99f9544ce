/** Rows of a sample file, by the ending of its name. */
import { readFile } from 'node:fs/promises';
import { extname } from 'node:path';
import { brotliDecompressSync, gunzipSync, zstdDecompressSync } from 'node:zlib';
import { parse as parseCsv } from 'csv-parse/sync';
import { type Compressors, parquetMetadataAsync, parquetReadObjects } from 'hyparquet';
import { Refusal } from './refusal.ts';

/** What a sample holds, cells as the file has them: text in CSV, whole numbers of Parquet as bigint. */
export interface Sample {
  readonly columns: readonly string[];
  readonly rows: readonly Readonly<Record<string, unknown>>[];
}

/** More rows say nothing more about ranges and deciles. */
const mostRows = 100_000;

const readCsv = (bytes: Buffer): Sample => {
  const [columns = [], ...records] = parseCsv(bytes, { bom: true, skip_empty_lines: true, to: mostRows + 1 }) as string[][];
  const twice = columns.find((name, index) => columns.indexOf(name) < index);
  if (twice !== undefined) throw new Error(`got the column ${twice} twice, expected each name once`);
  return { columns, rows: records.map((record) => Object.fromEntries(columns.map((name, index) => [name, record[index]]))) };
};

const isRow = (value: unknown): value is Readonly<Record<string, unknown>> => typeof value === 'object' && value !== null && !Array.isArray(value);

const readLines = (bytes: Buffer): Sample => {
  const lines = bytes
    .toString('utf8')
    .split('\n')
    .filter((line) => line.trim() !== '');
  const rows = lines.slice(0, mostRows).map((line, index) => {
    const row: unknown = JSON.parse(line);
    if (!isRow(row)) throw new Error(`row ${index + 1}: got no object, expected one row a line`);
    return row;
  });
  return { columns: [...new Set(rows.flatMap(Object.keys))], rows };
};

/** Snappy is in the reader itself. */
const compressors: Compressors = {
  GZIP: (bytes) => gunzipSync(bytes),
  BROTLI: (bytes) => brotliDecompressSync(bytes),
  ZSTD: (bytes) => zstdDecompressSync(bytes),
};

const readParquet = async (bytes: Buffer): Promise<Sample> => {
  const file = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) as ArrayBuffer;
  const metadata = await parquetMetadataAsync(file);
  const rows = await parquetReadObjects({ file, metadata, compressors, rowEnd: Math.min(mostRows, Number(metadata.num_rows)) });
  const whole = new Set(metadata.schema.filter(({ type }) => type === 'INT32').map(({ name }) => name));
  const columns = Object.keys(rows[0] ?? {});
  const cell = (name: string, value: unknown): unknown => (whole.has(name) && typeof value === 'number' ? BigInt(value) : value);
  return { columns, rows: rows.map((row) => Object.fromEntries(columns.map((name) => [name, cell(name, row[name])]))) };
};

const readers: Readonly<Record<string, (bytes: Buffer) => Sample | Promise<Sample>>> = {
  '.csv': readCsv,
  '.jsonl': readLines,
  '.ndjson': readLines,
  '.parquet': readParquet,
};

/** Reads at most `mostRows` rows. @throws Refusal for a file that is none of these, or has no rows */
export const readSample = async (file: string): Promise<Sample> => {
  const read = readers[extname(file).toLowerCase()];
  if (read === undefined) throw new Refusal(`--sample: got ${file}, expected a file that ends in ${Object.keys(readers).join(', ')}`);
  try {
    const sample = await read(await readFile(file));
    if (sample.rows.length === 0) throw new Error('got no rows, expected some');
    return sample;
  } catch (error) {
    throw new Refusal(`${file}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
};
