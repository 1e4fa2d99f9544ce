/** A file in the data directory that is there only to be removed: on a full disk its room lets the next decisions be kept. */
import { randomBytes } from 'node:crypto';
import { closeSync, openSync, rmSync, statfsSync, statSync, writeSync } from 'node:fs';
import { join } from 'node:path';

/** The reserve of one directory. Nothing of it throws. */
export interface DiskReserve {
  /** Makes the reserve where it is not there and the disk has far more room than it takes. */
  readonly keep: () => void;
  /** Gives its room back; false when there was none. */
  readonly give: () => boolean;
}

const chunkBytes = 2 ** 16;

/** A disk that is nearly full is not filled by its own reserve. */
const roomFactor = 4;

const sizeOf = (path: string): number => {
  try {
    return statSync(path).size;
  } catch {
    return 0;
  }
};

const roomIn = (directory: string): number => {
  const { bavail, bsize } = statfsSync(directory);
  return bavail * bsize;
};

/** Random bytes, since zeros may take no room at all. */
const fill = (path: string, bytes: number): void => {
  const chunk = randomBytes(chunkBytes);
  const file = openSync(path, 'w', 0o600);
  try {
    for (let written = 0; written < bytes; written += chunk.length) writeSync(file, chunk);
  } finally {
    closeSync(file);
  }
};

export const createDiskReserve = (directory: string, bytes: number): DiskReserve => {
  const path = join(directory, 'reserve');

  const give = (): boolean => {
    if (sizeOf(path) === 0) return false;
    rmSync(path, { force: true });
    return true;
  };

  const keep = (): void => {
    if (sizeOf(path) >= bytes) return;
    try {
      if (roomIn(directory) < roomFactor * bytes) return;
      fill(path, bytes);
    } catch {
      rmSync(path, { force: true });
    }
  };

  return { keep, give };
};

/** Result code of a write that found no room, sqlite.org/rescode.html#full. */
const sqliteFull = 13;

const isFull = (error: unknown): boolean => error instanceof Error && Reflect.get(error, 'errcode') === sqliteFull;

/** Runs `attempt`, and once more with the room of the reserve when the disk is full. @throws what `attempt` throws */
export const withReserve = <Result>(reserve: Pick<DiskReserve, 'give'>, attempt: () => Result, onGiven: () => void): Result => {
  try {
    return attempt();
  } catch (error) {
    if (!isFull(error) || !reserve.give()) throw error;
    onGiven();
    return attempt();
  }
};
