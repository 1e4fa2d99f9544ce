import { readdir, readFile } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import { ignoredByVersionControl } from './outside-digest.ts';

const ignored: ReadonlySet<string> = new Set(ignoredByVersionControl);

/** One file as it was read, with the digest of these very bytes. */
export interface ReadFile {
  readonly bytes: Buffer;
  /** SHA-256 in hexadecimal. */
  readonly sha256: string;
}

/** The files of a folder by name, forward slashes, in code-point order. */
export type Files = ReadonlyMap<string, ReadFile>;

/** A folder as one look found it. */
export interface ReadFolder {
  readonly files: Files;
  /** Symbolic links and the like: they could point at anything. */
  readonly odd: readonly string[];
}

const byCodePoint = (left: string, right: string): number => Buffer.compare(Buffer.from(left), Buffer.from(right));

/** SHA-256 in hexadecimal, computed beside the loop: a graph of 30 MB would hold every request up for a tenth of a second. */
export const sha256Of = async (bytes: Uint8Array): Promise<string> =>
  // Files are read into memory of their own, never into shared memory.
  Buffer.from(await crypto.subtle.digest('SHA-256', bytes as Uint8Array<ArrayBuffer>)).toString('hex');

const readOne = async (path: string): Promise<ReadFile> => {
  const bytes = await readFile(path);
  return { bytes, sha256: await sha256Of(bytes) };
};

/**
 * Reads every file of a folder once; whoever uses a file uses the bytes that were hashed.
 *
 * @throws the file system's error for a folder or file that cannot be read
 */
export const readFolder = async (folder: string): Promise<ReadFolder> => {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const named = entries
    .filter((entry) => !entry.isDirectory())
    .map((entry) => ({ isFile: entry.isFile(), name: relative(folder, join(entry.parentPath, entry.name)).split(sep).join('/') }));
  const names = named
    .filter(({ isFile, name }) => isFile && !ignored.has(name.split('/')[0] ?? ''))
    .map(({ name }) => name)
    .sort(byCodePoint);
  const files = await Promise.all(names.map(async (name) => [name, await readOne(join(folder, name))] as const));
  return { files: new Map(files), odd: named.filter(({ isFile }) => !isFile).map(({ name }) => name) };
};
