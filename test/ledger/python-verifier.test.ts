/** A verifier in another language, written from docs/ledger-format.md, and ours say the same of the same files. */
import { spawnSync } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ledgerCommand } from '../../src/cli/ledger.ts';
import { canonicalJson } from '../../src/ledger/canonical-json.ts';
import { headText, type LedgerContent, type LedgerEntry } from '../../src/ledger/ledger-entry.ts';
import { chainOf, contentWith, headOf, ledgerSecret, linesOf, sixEntries, tamperings } from '../support/ledger-lines.ts';

const script = fileURLToPath(new URL('./verify_ledger.py', import.meta.url));
const hasPython = spawnSync('python3', ['-c', 'import sys; sys.exit(sys.version_info < (3, 8))']).status === 0;

let directory = '';
beforeEach(async ({ skip }) => {
  skip(!hasPython, 'python3 is not on this machine');
  directory = await mkdtemp(join(tmpdir(), 'handoff-python-'));
  await writeFile(join(directory, 'ledger.key'), `${ledgerSecret}\n`);
});
afterEach(() => rm(directory, { recursive: true, force: true }));

interface Verdict {
  readonly verifies: boolean;
  readonly sequence?: number;
  readonly fault?: string;
}

const theirs = (options: readonly string[]): Verdict => {
  const { stdout, stderr, status } = spawnSync('python3', ['-B', script, join(directory, 'export.jsonl'), ...options], { encoding: 'utf8' });
  expect(stderr).toBe('');
  const verdict = JSON.parse(stdout);
  expect(status).toBe(verdict.verifies === true ? 0 : 1);
  return verdict;
};

const ours = async (options: readonly string[]): Promise<Verdict> => {
  const said: string[] = [];
  const io = { stdout: (text: string) => void said.push(text), stderr: () => undefined, env: {}, setExitCode: () => undefined };
  await ledgerCommand(io).parseAsync(['verify', '--json', '--file', join(directory, 'export.jsonl'), ...options], { from: 'user' });
  return JSON.parse(said.join(''));
};

/** Both verdicts without the words. */
const verdictsOn = async (bytes: string | Buffer, head: readonly string[] = []): Promise<{ readonly ours: object; readonly theirs: object }> => {
  await writeFile(join(directory, 'export.jsonl'), bytes);
  const key = join(directory, 'ledger.key');
  const { reason: _ourWords, ...our } = { reason: '', ...(await ours(['--ledger-key', key, ...head])) };
  const { reason: _theirWords, ...their } = { reason: '', ...theirs(['--key', key, ...head]) };
  return { ours: our, theirs: their };
};

const textOf = (lines: readonly string[]): string => lines.map((line) => `${line}\n`).join('');
const headOption = (entries: readonly LedgerEntry[]): readonly string[] => ['--head', headText(headOf(entries))];

describe('the verifier in Python', () => {
  it('agrees on a ledger that nobody touched', async () => {
    const entries = sixEntries();
    const { ours: our, theirs: their } = await verdictsOn(textOf(linesOf(entries)), headOption(entries));
    expect(their).toEqual({ verifies: true, entries: 6, head: headOf(entries), authenticated: true });
    expect(our).toEqual(their);
  });

  it.each(tamperings)('agrees on $way', async ({ lines, headKept, sequence, fault }) => {
    const entries = sixEntries();
    const { ours: our, theirs: their } = await verdictsOn(textOf(lines(entries)), headKept === true ? headOption(entries) : []);
    expect(their).toEqual({ verifies: false, sequence, fault });
    expect(our).toEqual(their);
  });

  it('agrees on flipped bits', async () => {
    const bytes = Buffer.from(textOf(linesOf(sixEntries())));
    for (const { index, bit } of fc.sample(fc.record({ index: fc.nat(bytes.length - 1), bit: fc.nat(7) }), { numRuns: 12 })) {
      const tampered = Buffer.from(bytes);
      tampered[index] = (bytes[index] ?? 0) ^ (1 << bit);
      const { ours: our, theirs: their } = await verdictsOn(tampered);
      expect(their).toMatchObject({ verifies: false });
      expect(our).toEqual(their);
    }
  });

  it('agrees on any numbers and any text', async () => {
    const bodies = fc.sample(
      fc.array(fc.oneof(fc.double({ noNaN: true, noDefaultInfinity: true }), fc.integer(), fc.string({ unit: 'binary' }), fc.jsonValue({ maxDepth: 2 }))),
      { numRuns: 60 },
    );
    // Kinds to come have bodies of their own; the chain treats all alike.
    const contents = bodies.map((values) => ({ ...contentWith(''), kind: 'block', body: { values } }) as unknown as LedgerContent);
    const { ours: our, theirs: their } = await verdictsOn(textOf(linesOf(chainOf(contents))));
    expect(their).toMatchObject({ verifies: true, entries: 60 });
    expect(our).toEqual(their);
  });

  it('and ours verify the example of the format document', async () => {
    const document = await readFile(new URL('../../docs/ledger-format.md', import.meta.url), 'utf8');
    const lines = document.split('\n').filter((line) => line.startsWith('{"at":'));
    const { ours: our, theirs: their } = await verdictsOn(textOf(lines));
    expect(their).toMatchObject({ verifies: true, entries: 2 });
    expect(our).toEqual(their);
    expect(lines.map((line) => canonicalJson(JSON.parse(line)))).toEqual(lines);
  });
});
