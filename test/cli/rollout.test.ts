import { createHash } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CommanderError } from 'commander';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { rolloutCommand } from '../../src/cli/rollout.ts';
import { parseKeys } from '../../src/http/keys-file.ts';
import { createTestAdmin, type TestAdmin } from '../support/admin-app.ts';

let admin: TestAdmin;
let servers: Server[] = [];
let directory = '';

const listen = async (listener: RequestListener): Promise<string> => {
  const server = createServer(listener);
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
};

beforeEach(async () => {
  admin = await createTestAdmin();
  directory = await mkdtemp(join(tmpdir(), 'handoff-cli-'));
});
afterEach(async () => {
  for (const server of servers) {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
  servers = [];
  await admin.close();
  await rm(directory, { recursive: true, force: true });
});

/** Runs `handoff rollout …` against an address; `usage` is what commander threw. */
const run = async (url: string, ...words: readonly string[]) => {
  const result = { stdout: '', stderr: '', exitCode: 0, usage: null as CommanderError | null };
  const command = rolloutCommand({
    stdout: (text) => {
      result.stdout += text;
    },
    stderr: (text) => {
      result.stderr += text;
    },
    env: { HANDOFF_ADMIN_URL: url },
    setExitCode: (code) => {
      result.exitCode = code;
    },
  });
  await command.parseAsync(words, { from: 'user' }).catch((error: unknown) => {
    expect(error).toBeInstanceOf(CommanderError);
    result.usage = error as CommanderError;
  });
  return result;
};

describe('rollout get', () => {
  it('shows every rollout as a table', async () => {
    const { stdout, stderr, exitCode } = await run(await listen(admin.app), 'get');
    expect({ stderr, exitCode }).toEqual({ stderr: '', exitCode: 0 });
    const [header, row] = stdout.trimEnd().split('\n');
    expect(header).toMatch(/^MODEL\s+PHASE\s+BASELINE\s+CANDIDATE\s+WEIGHT\s+IN FORCE\s+EPOCH\s+REVISION\s+REASON$/);
    expect(row).toMatch(/^card-fraud\s+pending\s+1\.4\.0\s+2\.0\.0\s+0 %\s+0 %\s+1\s+1\s+rollout\/card-fraud\.yaml was accepted/);
  });

  it('prints the state of one as JSON', async () => {
    const { stdout } = await run(await listen(admin.app), 'get', 'card-fraud', '--json');
    expect(JSON.parse(stdout)).toEqual(admin.rollouts.get('card-fraud'));
  });

  it('fails with 1 for a model that is not there, and says so on stderr', async () => {
    const { stdout, stderr, exitCode } = await run(await listen(admin.app), 'get', 'nobody');
    expect({ stdout, stderr, exitCode }).toEqual({ stdout: '', stderr: 'No such model: There is no model nobody.\n', exitCode: 1 });
  });

  it('prints the problem as JSON too', async () => {
    const { stdout, exitCode } = await run(await listen(admin.app), 'get', 'nobody', '--json');
    expect(JSON.parse(stdout)).toMatchObject({ type: '/problems/model-not-found' });
    expect(exitCode).toBe(1);
  });

  it('shows no control characters of a stored reason', async () => {
    await admin.rollouts.setWeight('card-fraud', { weight: 1, reason: 'red \u001b[31m\nline', actor: 'x' });
    const { stdout } = await run(await listen(admin.app), 'get', 'card-fraud');
    expect(stdout).toContain('red  [31m line');
  });
});

describe('rollout set-weight', () => {
  it('sets the weight and says what is in force', async () => {
    const { stdout, exitCode } = await run(await listen(admin.app), 'set-weight', 'card-fraud', '12.5', '--reason', 'a first look');
    expect({ stdout, exitCode }).toEqual({ stdout: 'card-fraud: 12.5 % of requests go to 2.0.0 (paused, revision 2).\n', exitCode: 0 });
    expect(admin.rollouts.get('card-fraud')).toMatchObject({ weight: 12.5, reason: 'a first look' });
  });

  it('says when the weight is not in force', async () => {
    await admin.rollouts.reconcile({ versions: [{ model: 'card-fraud', version: '1.4.0', digest: 'digest of 1.4.0' }], plans: [] });
    const { stdout } = await run(await listen(admin.app), 'set-weight', 'card-fraud', '10', '--reason', 'x');
    expect(stdout).toBe('card-fraud: the weight of 2.0.0 is 10 %, but 0 % is in force (paused, revision 3).\n');
  });

  it('fails with 1 when the gateway refuses, with every fault', async () => {
    const { stderr, exitCode } = await run(await listen(admin.app), 'set-weight', 'card-fraud', '10', '--reason', ' ');
    expect(stderr).toContain('#/reason: got " ", expected text of 1 to 500 characters');
    expect(exitCode).toBe(1);
    expect((await run(await listen(admin.app), 'set-weight', 'search-ranker', '10', '--reason', 'x')).exitCode).toBe(1);
  });

  it.each([
    ['set-weight', 'card-fraud', '101', '--reason', 'x'],
    ['set-weight', 'card-fraud', 'ten', '--reason', 'x'],
    ['set-weight', 'card-fraud', '', '--reason', 'x'],
    ['set-weight', 'card-fraud', '0.001', '--reason', 'x'],
    ['set-weight', 'card-fraud', '10'],
    ['set-weight', 'card-fraud'],
    ['explain', 'card-fraud'],
    ['get', '--nothing'],
  ])('refuses the usage "%s %s %s"', async (...words) => {
    const { usage, stderr } = await run(await listen(admin.app), ...words);
    expect(usage?.exitCode).toBe(1);
    expect(stderr).toContain('error: ');
    expect(admin.rollouts.get('card-fraud').revision).toBe(1);
  });
});

describe('the moves', () => {
  it('are made one by one, with their reason', async () => {
    const url = await listen(admin.app);
    const started = await run(url, 'start', 'card-fraud', '--reason', 'the meeting said so');
    expect(started).toMatchObject({ stderr: '', exitCode: 0 });
    expect(started.stdout).toBe('card-fraud: 10 % of requests go to 2.0.0 (progressing, revision 2).\ncard-fraud: the meeting said so\n');
    for (const [move, phase] of [
      ['pause', 'paused'],
      ['resume', 'progressing'],
      ['promote', 'baking'],
      ['rollback', 'rolled-back'],
      ['start', 'progressing'],
    ] as const) {
      expect(await run(url, move, 'card-fraud', '--reason', 'x')).toMatchObject({ stderr: '', exitCode: 0 });
      expect(admin.rollouts.get('card-fraud').phase).toBe(phase);
    }
    await run(url, 'promote', 'card-fraud', '--full', '--reason', 'x');
    expect(admin.rollouts.get('card-fraud').phase).toBe('baking');
  });

  it('fail with 1 when the phase forbids them, with the legal ones', async () => {
    const { stderr, exitCode } = await run(await listen(admin.app), 'resume', 'card-fraud', '--reason', 'x');
    expect(stderr).toContain('resume is not legal in phase pending; legal moves: start, set-weight.');
    expect(exitCode).toBe(1);
  });

  it.each(['start', 'pause', 'resume', 'promote', 'rollback'])('want a reason for %s', async (move) => {
    expect((await run(await listen(admin.app), move, 'card-fraud')).usage?.exitCode).toBe(1);
    expect(admin.rollouts.get('card-fraud').revision).toBe(1);
  });
});

describe('rollout status', () => {
  it('shows where a rollout stands', async () => {
    const url = await listen(admin.app);
    await run(url, 'start', 'card-fraud', '--reason', 'a try');
    const { stdout, exitCode } = await run(url, 'status', 'card-fraud');
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/^phase\s+progressing$/m);
    expect(stdout).toMatch(/^next\s+advance, not before 2026-05-01T00:00:00.000Z$/m);
    expect(stdout).toMatch(/^evidence\s+none yet$/m);
  });

  it.each([[], ['--json']])('fails with 1 for a rollout that was rolled back %j', async (...words) => {
    const url = await listen(admin.app);
    await run(url, 'start', 'card-fraud', '--reason', 'a try');
    await run(url, 'rollback', 'card-fraud', '--reason', 'a bad one');
    const { stdout, exitCode } = await run(url, 'status', 'card-fraud', ...words);
    expect(stdout).toContain('a bad one');
    expect(exitCode).toBe(1);
  });
});

describe('rollout explain', () => {
  it('says where a key goes and why', async () => {
    const { stdout } = await run(await listen(admin.app), 'explain', 'card-fraud', '--key', 'a/b c&d');
    expect(stdout).toBe('card-fraud: key a/b c&d goes to baseline (bucket 17 of 10000, weight 0 %, rollout rollout-1, epoch 1).\n');
  });
});

it('explain says that a plan without a routing key gives a key no arm', async () => {
  const answer = { key: 'k', bucket: null, weight: 10, arm: null, epoch: 1, rollout: 'rollout-1' };
  const url = await listen((_request, response) => response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(answer)));
  expect((await run(url, 'explain', 'card-fraud', '--key', 'k')).stdout).toBe(
    'card-fraud: key k goes to either arm, by a draw for each request (the plan has no routing key, weight 10 %, rollout rollout-1, epoch 1).\n',
  );
});

describe('the connection', () => {
  it('fails with 3 when nobody answers', async () => {
    const url = await listen(() => {});
    await new Promise((resolve) => servers.pop()?.close(resolve));
    const { stderr, exitCode } = await run(url, 'get');
    expect(stderr).toContain(`no answer from ${url}: connect ECONNREFUSED`);
    expect(exitCode).toBe(3);
  });

  it.each([
    { what: 'a failing gateway', status: 500, body: JSON.stringify({ title: 'Internal error', detail: 'x' }) },
    { what: 'something else that fails', status: 404, body: '<html>' },
    { what: 'something else that works', status: 200, body: '{"hello": 1}' },
    { what: 'something that sends us elsewhere', status: 302, body: '' },
  ])('fails with 3 at $what', async ({ status, body }) => {
    const url = await listen((_request, response) => response.writeHead(status, { location: 'http://example.com/' }).end(body));
    const { stdout, exitCode } = await run(url, 'get', 'card-fraud');
    expect({ stdout, exitCode }).toEqual({ stdout: '', exitCode: 3 });
  });

  it('shows the key of a file, and fails with 3 without it', async () => {
    await admin.close();
    const digest = createHash('sha256').update('o-secret').digest('hex');
    admin = await createTestAdmin({ keys: parseKeys('keys', `olga ${digest} read,operate`).keys });
    const url = await listen(admin.app);
    const file = join(directory, 'key');
    await writeFile(file, 'o-secret\n');
    expect((await run(url, 'set-weight', 'card-fraud', '5', '--reason', 'x', '--key-file', file)).exitCode).toBe(0);
    expect((await admin.rollouts.decisions('card-fraud', { limit: 1 }))[0]?.actor).toBe('olga');
    expect(await run(url, 'get')).toMatchObject({ exitCode: 3, stderr: expect.stringContaining('A valid key is needed') });
  });

  it('takes the address of the flag before that of the environment', async () => {
    expect((await run('http://127.0.0.1:1', 'get', '--admin-url', await listen(admin.app))).exitCode).toBe(0);
  });

  it.each([
    { words: ['--admin-url', 'localhost:8081'], talk: '--admin-url' },
    { words: ['--key-file', '/not/there'], talk: '--key-file' },
  ])('fails with 2 for $words', async ({ words, talk }) => {
    const { stderr, exitCode } = await run(await listen(admin.app), 'get', ...words);
    expect(stderr).toContain(talk);
    expect(exitCode).toBe(2);
  });
});
