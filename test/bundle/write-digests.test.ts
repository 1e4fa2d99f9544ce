import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { copyBundle } from '../support/bundle-copy.ts';

describe('writeDigests', () => {
  it('makes a changed bundle whole and keeps the comments of its manifest', async () => {
    const copy = await copyBundle('card-fraud', '2.0.0');
    await copy.write('extra.txt', 'x');
    await copy.seal();
    const { bundle, faults } = await copy.read();
    expect(faults).toEqual([]);
    expect(bundle?.manifest.artifacts.map(({ path }) => path)).toContain('extra.txt');
    expect(await readFile(join(copy.place.folder, 'handoff.yaml'), 'utf8')).toContain('# Chosen on the validation days');
  });

  it('changes nothing the second time', async () => {
    const copy = await copyBundle('search-ranker', '1.3.2');
    await copy.seal();
    const first = await readFile(join(copy.place.folder, 'handoff.yaml'), 'utf8');
    await copy.seal();
    expect(await readFile(join(copy.place.folder, 'handoff.yaml'), 'utf8')).toBe(first);
  });

  it('fails for a manifest that is no map', async () => {
    const copy = await copyBundle('card-fraud', '2.0.0');
    await writeFile(join(copy.place.folder, 'handoff.yaml'), '- a\n');
    await expect(copy.seal()).rejects.toThrow('is no YAML map');
  });
});
