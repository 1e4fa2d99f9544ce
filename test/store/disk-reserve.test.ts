import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtemp, rm, stat, truncate } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createDiskReserve, withReserve } from '../../src/store/disk-reserve.ts';

let directory = '';
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'handoff-reserve-'));
});
afterEach(() => rm(directory, { recursive: true }));

const size = async (): Promise<number | null> => (await stat(join(directory, 'reserve')).catch(() => null))?.size ?? null;
const bytes = 2 ** 20;

describe('the reserve', () => {
  it('is made once, given once, and made again', async () => {
    const reserve = createDiskReserve(directory, bytes);
    expect(reserve.give()).toBe(false);
    reserve.keep();
    expect(await size()).toBe(bytes);
    expect(reserve.give()).toBe(true);
    expect(await size()).toBeNull();
    expect(reserve.give()).toBe(false);
    reserve.keep();
    expect(await size()).toBe(bytes);
  });

  it('is completed when it was cut off', async () => {
    const reserve = createDiskReserve(directory, bytes);
    reserve.keep();
    await truncate(join(directory, 'reserve'), 100);
    reserve.keep();
    expect(await size()).toBe(bytes);
  });

  it('is not made where it would take a quarter of the room, nor in a folder that is gone', async () => {
    createDiskReserve(directory, 2 ** 60).keep();
    expect(await size()).toBeNull();
    createDiskReserve(join(directory, 'gone'), bytes).keep();
  });
});

describe('withReserve', () => {
  const full = Object.assign(new Error('database or disk is full'), { errcode: 13 });
  const failing = (error: Error, times: number) => {
    let left = times;
    return () => {
      left -= 1;
      if (left >= 0) throw error;
      return 'kept';
    };
  };

  it.each([
    { what: 'a full disk, once', error: full, times: 1, had: true, outcome: 'kept', given: 1 },
    { what: 'a disk that is full with it too', error: full, times: 2, had: true, outcome: full.message, given: 1 },
    { what: 'a full disk without a reserve', error: full, times: 1, had: false, outcome: full.message, given: 0 },
    { what: 'another failure', error: new Error('locked'), times: 1, had: true, outcome: 'locked', given: 0 },
    { what: 'no failure', error: full, times: 0, had: true, outcome: 'kept', given: 0 },
  ])('$what: $outcome', ({ error, times, had, outcome, given }) => {
    let told = 0;
    const run = () =>
      withReserve({ give: () => had }, failing(error, times), () => {
        told += 1;
      });
    if (outcome === 'kept') expect(run()).toBe('kept');
    else expect(run).toThrow(outcome);
    expect(told).toBe(given);
  });
});

/** A disk of one's own needs a user's own mount namespace, which some machines forbid. */
const ownDisk = ['--user', '--map-root-user', '--mount'];
const mayMount = spawnSync('unshare', [...ownDisk, 'mount', '-t', 'tmpfs', 'tmpfs', tmpdir()]).status === 0;

describe.skipIf(!mayMount)('a store on a full disk', () => {
  const fixture = fileURLToPath(new URL('./full-disk.fixture.ts', import.meta.url));
  let child: ChildProcess | null = null;
  afterEach(() => void child?.kill('SIGKILL'));

  /** A store on a small disk of its own. */
  const onSmallDisk = () => {
    const script = 'mount -t tmpfs -o size=8m tmpfs "$2" && cd "$2" && exec "$0" "$1" "$2"';
    child = spawn('unshare', [...ownDisk, 'sh', '-c', script, process.execPath, fixture, directory], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    const lines = createInterface({ input: child.stdout ?? process.stdin })[Symbol.asyncIterator]();
    const next = async (): Promise<string> => String((await lines.next()).value);
    const does = async (action: string): Promise<string> => {
      child?.stdin?.write(`${action}\n`);
      return next();
    };
    return { next, does };
  };

  it('keeps what is decided, says that the disk is full, and can be opened again', { timeout: 60_000 }, async () => {
    const { next, does } = onSmallDisk();
    expect(await next()).toBe('opened');
    expect(await does('save')).toBe('saved');
    expect(await does('wait for the reserve')).toBe('reserve is there');
    expect(await does('fill the disk')).toBe('full');
    expect(await does('save')).toBe('reserve given');
    expect(await next()).toBe('saved');
    expect(await does('reopen')).toBe('reopened at 2');
  });

  it('can be opened for the first time since it is full', { timeout: 60_000 }, async () => {
    const { next, does } = onSmallDisk();
    expect(await next()).toBe('opened');
    expect(await does('save')).toBe('saved');
    expect(await does('wait for the reserve')).toBe('reserve is there');
    expect(await does('fill the disk once the store is closed, and open it')).toBe('reserve given');
    expect(await next()).toBe('reopened at 1');
    expect(await does('save')).toBe('saved');
  });
});
