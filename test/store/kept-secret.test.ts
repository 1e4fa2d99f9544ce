import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { keptSecretIn } from '../../src/store/kept-secret.ts';

const file = 'some.key';
let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'handoff-secret-'));
});
afterEach(() => rm(folder, { recursive: true }));

describe('a kept secret', () => {
  it('is made once, for the owner alone, and is the same from then on', async () => {
    const made = keptSecretIn(folder, file);
    expect(made).toHaveLength(32);
    expect(keptSecretIn(folder, file)).toEqual(made);
    expect((await stat(join(folder, file))).mode & 0o777).toBe(0o600);
    expect(await readdir(folder)).toEqual([file]);
  });

  it('is another one in each folder', () => {
    expect(keptSecretIn(folder, 'a.key')).not.toEqual(keptSecretIn(folder, 'b.key'));
  });

  it('is made anew where a crash left the half of one beside it', async () => {
    await writeFile(join(folder, `${file}.new`), '0123');
    expect(keptSecretIn(folder, file)).toHaveLength(32);
    expect(await readdir(folder)).toEqual([file]);
  });

  it.each(['', '0123', `${'0'.repeat(63)}\n`, `${'g'.repeat(64)}\n`])('is refused when the file holds %j', async (text) => {
    await writeFile(join(folder, file), text);
    expect(() => keptSecretIn(folder, file)).toThrow('some.key holds no key, expected 64 hexadecimal digits');
    expect(await readFile(join(folder, file), 'utf8')).toBe(text);
  });
});
