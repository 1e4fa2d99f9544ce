import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ledgerCommand } from '../../src/cli/ledger.ts';
import { headText } from '../../src/ledger/ledger-entry.ts';
import { createTestAdmin, type TestAdmin } from '../support/admin-app.ts';
import { headOf, ledgerSecret, linesOf, sixEntries } from '../support/ledger-lines.ts';
import { type CommandResult, runCommand } from '../support/run-command.ts';

let admin: TestAdmin;
let server: Server;
let url = '';
let directory = '';

const listen = async (listener: RequestListener): Promise<string> => {
  server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
};
const stopListening = async (): Promise<void> => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
};

beforeEach(async () => {
  admin = await createTestAdmin();
  url = await listen(admin.app);
  directory = await mkdtemp(join(tmpdir(), 'handoff-cli-'));
  await admin.rollouts.setWeight('card-fraud', { weight: 12.5, reason: 'red \u001b[31m\nline', actor: 'olga' });
});
afterEach(async () => {
  await stopListening();
  await admin.close();
  await rm(directory, { recursive: true, force: true });
});

const run = (words: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<CommandResult> => runCommand(ledgerCommand, words, env);

const path = (name: string): string => join(directory, name);

/** The six entries as an exported file, changed or not, and the file of their key. */
const exported = async (change = (text: string) => text): Promise<string[]> => {
  await writeFile(path('key'), ledgerSecret);
  await writeFile(path('export.jsonl'), change(`${linesOf(sixEntries()).join('\n')}\n`));
  return ['--file', path('export.jsonl'), '--ledger-key', path('key')];
};
const head = headText(headOf(sixEntries()));

describe('ledger verify', () => {
  it('takes the data directory of a running gateway, with its own key', async () => {
    const { stdout, stderr, exitCode } = await run(['verify', '--data-dir', admin.dataDir]);
    expect({ stderr, exitCode }).toEqual({ stderr: '', exitCode: 0 });
    expect(stdout).toMatch(/^verifies: 2 entries, head 2:[0-9a-f]{64}\n$/);
  });

  it('takes the data directory of the environment, and of a gateway that is stopped', async () => {
    await admin.closeStore();
    expect(await run(['verify', '--json'], { HANDOFF_DATA_DIR: admin.dataDir })).toMatchObject({ exitCode: 0 });
  });

  it('takes the admin port, with a key that is given', async () => {
    const { stdout, exitCode } = await run(['verify', '--admin-url', url, '--ledger-key', join(admin.dataDir, 'ledger.key'), '--json']);
    expect(JSON.parse(stdout)).toMatchObject({ verifies: true, entries: 2, authenticated: true });
    expect(exitCode).toBe(0);
  });

  it('takes all pages of the admin port', async () => {
    await exported();
    await stopListening();
    const asked: string[] = [];
    url = await listen((request, response) => {
      const after = Number(new URL(request.url ?? '', 'http://gateway').searchParams.get('after'));
      asked.push(`${request.method} ${request.url?.split('?')[0]} ${after}`);
      response.end(JSON.stringify({ entries: sixEntries().slice(after, after + 2), next: after + 2 < 6 ? after + 2 : null, head: null }));
    });
    expect(await run(['verify', '--admin-url', url, '--ledger-key', path('key'), '--head', head])).toMatchObject({ exitCode: 0, stderr: '' });
    expect(asked).toEqual(['GET /ledger 0', 'GET /ledger 2', 'GET /ledger 4']);
  });

  it('takes an exported file, and a head that was kept', async () => {
    expect(await run(['verify', ...(await exported()), '--head', head])).toMatchObject({ stdout: `verifies: 6 entries, head ${head}\n`, exitCode: 0 });
  });

  it('cannot tell without a key, unless it is asked for the hashes alone', async () => {
    await exported();
    const without = await run(['verify', '--file', path('export.jsonl')]);
    expect(without).toMatchObject({ exitCode: 3, stdout: expect.stringContaining('without the key forgery does not show') });
    expect(without.stderr).toContain('--without-key');
    expect(await run(['verify', '--file', path('export.jsonl'), '--without-key'])).toMatchObject({ exitCode: 0, stderr: '' });
  });

  it('takes the key of the environment', async () => {
    await exported();
    for (const env of [{ HANDOFF_LEDGER_KEY: ledgerSecret }, { HANDOFF_LEDGER_KEY_FILE: path('key') }] as const) {
      expect(await run(['verify', '--file', path('export.jsonl')], env)).toMatchObject({ exitCode: 0, stderr: '' });
    }
  });

  it.each([
    { what: 'a changed byte', change: (text: string) => text.replace('enough', 'Enough'), words: 'entry 6 was changed' },
    {
      what: 'a missing entry',
      change: (text: string) => text.split('\n').toSpliced(2, 1).join('\n'),
      words: 'entry 3 is missing or not in its place: entry 4 follows entry 2',
    },
    { what: 'a cut tail', change: (text: string) => text.split('\n').slice(0, 4).join('\n'), words: 'entry 5 and what follows were cut off' },
    { what: 'bytes that are no text', change: () => '\ufffe{', words: 'entry 1 cannot be read' },
  ])('fails with 1 and one sentence at $what', async ({ change, words }) => {
    const { stdout, stderr, exitCode } = await run(['verify', ...(await exported(change)), '--head', head]);
    expect(stdout).toMatch(new RegExp(`^does not verify: ${words}[^\n]*\n$`));
    expect({ stderr, exitCode }).toEqual({ stderr: '', exitCode: 1 });
  });

  it('fails with 1 when the database was changed, and when it is damaged', async () => {
    await admin.closeStore();
    const database = new DatabaseSync(join(admin.dataDir, 'handoff.db'));
    database.exec(`drop trigger ledger_entries_are_never_changed; update ledger set body = replace(body, 'olga', 'piet')`);
    database.close();
    expect(await run(['verify', '--data-dir', admin.dataDir])).toMatchObject({ exitCode: 1, stdout: expect.stringContaining('entry 2 was changed') });
    await writeFile(join(admin.dataDir, 'handoff.db'), 'x'.repeat(5_000));
    const { stdout, exitCode } = await run(['verify', '--data-dir', admin.dataDir, '--json']);
    expect(JSON.parse(stdout)).toMatchObject({ verifies: false, sequence: 1, fault: 'damaged' });
    expect(exitCode).toBe(1);
  });

  it.each([
    { words: ['--data-dir', '/not/there'], talk: 'there is no handoff.db in /not/there' },
    { words: ['--file', '/not/there'], talk: 'ENOENT' },
    { words: ['--admin-url', 'http://127.0.0.1:1'], talk: 'no answer from http://127.0.0.1:1' },
  ])('fails with 3 when nobody can tell: $words', async ({ words, talk }) => {
    const { stdout, stderr, exitCode } = await run(['verify', ...words, '--without-key']);
    expect({ stdout, exitCode }).toEqual({ stdout: '', exitCode: 3 });
    expect(stderr).toContain(talk);
  });

  it('fails with 3 at a port that gives pages without end', async () => {
    await stopListening();
    url = await listen((_request, response) => response.setHeader('content-type', 'application/json').end('{"entries":[],"next":0,"head":null}'));
    expect(await run(['verify', '--admin-url', url, '--without-key'])).toMatchObject({ exitCode: 3, stdout: '' });
  });

  it.each([
    { words: ['--data-dir', 'a', '--file', 'b'], talk: 'expected one' },
    { words: ['--admin-url', 'localhost:1'], talk: '--admin-url' },
    { words: ['--file', 'b', '--ledger-key', '/not/there'], talk: '--ledger-key: /not/there cannot be read' },
  ])('fails with 2 for $words', async ({ words, talk }) => {
    const { stderr, exitCode } = await run(['verify', ...words]);
    expect(stderr).toContain(talk);
    expect(exitCode).toBe(2);
  });

  it.each([['--head', '12'], ['--head', '0:00'], ['--nothing']])('refuses the usage %s %s', async (...words) => {
    const { usage, stderr } = await run(['verify', ...words]);
    expect(usage).not.toBeNull();
    expect(stderr).toContain('error: ');
  });
});

describe('ledger replay', () => {
  it('agrees with the ledger of a gateway, from its file, its port and an export', async () => {
    await run(['show', '--data-dir', admin.dataDir, '--export', path('out.jsonl')]);
    for (const from of [
      ['--data-dir', admin.dataDir],
      ['--admin-url', url],
      ['--file', path('out.jsonl')],
    ]) {
      const { stdout, stderr, exitCode } = await run(['replay', ...from]);
      expect(stdout).toMatch(/^replays: 1 rollout, 0 blocks, 2 decisions; head 2:[0-9a-f]{64}\n$/);
      expect({ stderr, exitCode }).toEqual({ stderr: '', exitCode: 0 });
    }
    const { stdout } = await run(['replay', '--data-dir', admin.dataDir, '--json']);
    expect(JSON.parse(stdout)).toMatchObject({ agrees: true, entries: 2, rollouts: 1, withoutRules: 0 });
  });

  it('fails with 1 and the first entry that does not agree', async () => {
    const [, file = ''] = await exported((text) => text.replace('enough', 'Enough'));
    expect(await run(['replay', '--file', file])).toMatchObject({ exitCode: 1, stdout: expect.stringMatching(/^does not replay: entry 6 was changed/) });
    await admin.closeStore();
    await writeFile(join(admin.dataDir, 'handoff.db'), 'x'.repeat(5_000));
    const { stdout, exitCode } = await run(['replay', '--data-dir', admin.dataDir, '--json']);
    expect({ verdict: JSON.parse(stdout), exitCode }).toMatchObject({ verdict: { agrees: false, fault: 'damaged' }, exitCode: 1 });
  });

  it('fails with 3 when there is nothing that it can judge, or nothing to read', async () => {
    const [, file = ''] = await exported();
    expect(await run(['replay', '--file', file])).toMatchObject({ exitCode: 3, stdout: expect.stringContaining('6 entries are of rollouts whose rules') });
    expect(await run(['replay', '--file', '/not/there'])).toMatchObject({ exitCode: 3, stdout: '' });
  });

  it('fails with 2 for sources that contradict each other', async () => {
    expect(await run(['replay', '--data-dir', 'a', '--file', 'b'])).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('expected one') });
  });
});

describe('ledger show', () => {
  it('shows the newest entries first, and the head', async () => {
    const { stdout, exitCode } = await run(['show', '--data-dir', admin.dataDir]);
    const [header, newest, oldest, last] = stdout.split('\n');
    expect(header).toMatch(/^SEQUENCE\s+AT\s+MODEL\s+MOVE\s+ACTOR\s+WEIGHT\s+HASH\s+REASON$/);
    expect(newest).toMatch(/^2\s+2026-05-01T00:00:00.000Z\s+card-fraud\s+set-weight\s+olga\s+0 -> 12.5 %\s+[0-9a-f]{12}\s+red {2}\[31m line$/);
    expect(oldest).toMatch(/^1 .* accept .* gateway /);
    expect(last).toMatch(/^head 2:[0-9a-f]{64}$/);
    expect(exitCode).toBe(0);
  });

  it('shows as many as asked for, of one model, as JSON', async () => {
    const { stdout } = await run(['show', ...(await exported()).slice(0, 2), '--model', 'search-ranker', '--limit', '1', '--json']);
    expect(JSON.parse(stdout)).toEqual({ entries: [sixEntries()[4]], head: headOf(sixEntries()) });
  });

  it.each(['data directory', 'admin port'])('exports from the %s a file that verifies', async (source) => {
    const from = source === 'admin port' ? ['--admin-url', url] : ['--data-dir', admin.dataDir];
    const { stdout } = await run(['show', ...from, '--export', path('out.jsonl')]);
    expect(stdout).toMatch(/^2 entries in .*out\.jsonl; head 2:/);
    expect(await readdir(directory)).toEqual(['out.jsonl']);
    expect(await run(['verify', '--file', path('out.jsonl'), '--ledger-key', join(admin.dataDir, 'ledger.key')])).toMatchObject({ exitCode: 0 });
  });

  it('exports the very bytes that were exported', async () => {
    const [, file = ''] = await exported();
    await run(['show', '--file', file, '--export', path('again.jsonl')]);
    expect(await readFile(path('again.jsonl'))).toEqual(await readFile(file));
  });

  it('leaves an earlier export as it was when the source fails', async () => {
    await writeFile(path('out.jsonl'), 'earlier');
    expect(await run(['show', '--data-dir', '/not/there', '--export', path('out.jsonl')])).toMatchObject({ exitCode: 3 });
    expect(await readFile(path('out.jsonl'), 'utf8')).toBe('earlier');
  });

  it('refuses to export a part of the chain', async () => {
    expect(await run(['show', '--data-dir', admin.dataDir, '--export', path('x'), '--model', 'card-fraud'])).toMatchObject({ exitCode: 2 });
  });

  it('fails with 3 at an entry that cannot be read', async () => {
    const [, file = ''] = await exported(() => 'nothing\n');
    expect(await run(['show', '--file', file])).toMatchObject({ exitCode: 3, stderr: expect.stringContaining('ledger verify') });
  });
});
