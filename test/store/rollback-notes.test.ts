import { mkdtemp, open, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createRollbackNotes } from '../../src/store/rollback-notes.ts';
import type { RollbackNote } from '../../src/store/rollout-store.ts';

let folder = '';
let notes: ReturnType<typeof createRollbackNotes>;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'handoff-notes-'));
  notes = createRollbackNotes(folder);
});
afterEach(async () => {
  await notes.close();
  await rm(folder, { recursive: true });
});

const noteOf = (rollout: string, sentence = 'wrong amounts: “ünïcode”'): RollbackNote => ({ model: 'card-fraud', rollout, epoch: 7, actor: 'olga', sentence });
const path = () => join(folder, 'rollbacks.notes');

/** The notes as the next life reads them. */
const reread = async (): Promise<readonly RollbackNote[]> => {
  const next = createRollbackNotes(folder);
  try {
    return await next.read();
  } finally {
    await next.close();
  }
};

describe('the notes of rollbacks', () => {
  it('are none at first, and have all their room from then on', async () => {
    expect(await notes.read()).toEqual([]);
    const { size, blocks, ino } = await stat(path());
    await notes.write([noteOf('r-1'), noteOf('r-2')]);
    expect(await reread()).toEqual([noteOf('r-1'), noteOf('r-2')]);
    await notes.write([]);
    expect(await reread()).toEqual([]);
    expect(await stat(path())).toMatchObject({ size, blocks, ino });
    expect(blocks * 512).toBeGreaterThanOrEqual(size);
  });

  it('are the last ones that were written, over many lives', async () => {
    for (let life = 1; life <= 5; life += 1) {
      await notes.write([noteOf(`r-${life}`)]);
      await notes.close();
      notes = createRollbackNotes(folder);
      expect(await notes.read()).toEqual([noteOf(`r-${life}`)]);
    }
  });

  it.each([1, 2])('are those of before when write %i is cut off', async (more) => {
    for (let count = 0; count <= more; count += 1) await notes.write([noteOf(`r-${count}`)]);
    await notes.close();
    const text = await readFile(path(), 'utf8');
    const file = await open(path(), 'r+');
    await file.write('x', text.indexOf(`"r-${more}"`));
    await file.close();
    notes = createRollbackNotes(folder);
    expect(await notes.read()).toEqual([noteOf(`r-${more - 1}`)]);
    await notes.write([noteOf('r-9')]);
    expect(await reread()).toEqual([noteOf('r-9')]);
  });

  it('write nothing when nothing has changed', async () => {
    await notes.write([noteOf('r-1')]);
    const { mtimeMs } = await stat(path());
    await notes.write([noteOf('r-1')]);
    expect((await stat(path())).mtimeMs).toBe(mtimeMs);
  });

  it('shorten their sentences when all of them have no room, and fail when that does not help', async () => {
    const many = Array.from({ length: 50 }, (_, index) => noteOf(`r-${index}`, 'x'.repeat(5_000)));
    await notes.write(many);
    expect((await reread()).map(({ rollout, sentence }) => [rollout, sentence.length])).toEqual(many.map(({ rollout }) => [rollout, 200]));
    await expect(notes.write(Array(500).fill(noteOf('r')))).rejects.toThrow('500 rollbacks have no room in rollbacks.notes');
    expect(await reread()).toHaveLength(50);
  });

  it('are none while there is no room for the file, and are written when there is', async () => {
    const missing = createRollbackNotes(join(folder, 'not-there'));
    expect(await missing.read()).toEqual([]);
    await expect(missing.write([noteOf('r-1')])).rejects.toThrow('ENOENT');
    await missing.close();
    await notes.write([noteOf('r-1')]);
    expect(await reread()).toHaveLength(1);
  });
});
