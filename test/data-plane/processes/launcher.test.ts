import { readFileSync } from 'node:fs';
import { getPriority } from 'node:os';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { createLauncher, type LaunchedProcess, type Launcher } from '../../../src/data-plane/processes/launcher.ts';
import { processIsAlive } from '../../support/process-is-alive.ts';

const entry = new URL('./echo-worker.fixture.ts', import.meta.url).href;
const launchers: Launcher[] = [];

const create = (): Launcher => {
  const launcher = createLauncher();
  launchers.push(launcher);
  return launcher;
};
const echoed = (launched: LaunchedProcess, kind: number, text: string): Promise<string> =>
  new Promise((resolve) => {
    launched.receive((_, payload) => resolve(payload.toString()));
    launched.send(kind, Buffer.from(text));
  });
const childrenOf = (pid: number): readonly number[] => readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').map(Number);
const parentOf = (pid: number | null): number => Number(/^PPid:\s+(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);

afterEach(async () => {
  await Promise.all(launchers.splice(0).map((launcher) => launcher.close()));
});

describe('launcher', { timeout: 60_000 }, () => {
  test('starts processes that each answer on a channel of their own', async () => {
    const launcher = create();
    const [one, two] = [launcher.start(entry), launcher.start(entry)];
    expect(await Promise.all([echoed(one, 1, 'one'), echoed(two, 1, 'two')])).toEqual(['one', 'two']);
    expect(one.pid()).not.toBe(two.pid());
  });

  test('gives a prepared process out once', async () => {
    const launcher = create();
    launcher.prepare(entry, 1);
    const [one, two] = [launcher.start(entry), launcher.start(entry)];
    expect(await Promise.all([echoed(one, 1, 'one'), echoed(two, 1, 'two')])).toEqual(['one', 'two']);
    expect(one.pid()).not.toBe(two.pid());
  });

  test.runIf(process.platform === 'linux')('ends a prepared process that nobody has taken, and no other', async () => {
    const launcher = create();
    launcher.prepare(entry, 2);
    const taken = launcher.start(entry);
    await echoed(taken, 1, 'one');
    launcher.dismissIdle();
    const next = launcher.start(entry);
    expect(await Promise.all([echoed(taken, 1, 'one'), echoed(next, 1, 'two')])).toEqual(['one', 'two']);
    const launching = parentOf(taken.pid());
    await vi.waitFor(() => expect(childrenOf(launching)).toEqual([taken.pid(), next.pid()]), { timeout: 10_000, interval: 10 });
  });

  test('ends a process that loops for ever', async () => {
    const looping = create().start(entry);
    await echoed(looping, 9, 'loops');
    looping.kill();
    await looping.ended;
    expect([looping.isOver(), processIsAlive(looping.pid() ?? 0)]).toEqual([true, false]);
  });

  test('says that a process has ended whose first file is not there', async () => {
    const missing = create().start(new URL('./nowhere.ts', import.meta.url).href);
    await missing.ended;
    expect(missing.isOver()).toBe(true);
  });

  test('leaves nobody when it is closed, and starts nobody any more', async () => {
    const launcher = create();
    const looping = launcher.start(entry);
    await echoed(looping, 9, 'loops');
    await launcher.close();
    await looping.ended;
    await vi.waitFor(() => expect(processIsAlive(looping.pid() ?? 0)).toBe(false), { timeout: 10_000, interval: 10 });
    expect(() => launcher.start(entry)).toThrow('closed');
  });

  test.runIf(process.platform === 'linux')('puts a process behind the gateway', async () => {
    const launched = create().start(entry);
    launched.yieldToGateway(7);
    await echoed(launched, 1, 'here');
    expect(getPriority(launched.pid() ?? 0)).toBe(Math.min(getPriority() + 7, 19));
  });

  test.runIf(process.platform === 'linux')('has its processes end, and starts others, when the launching process is killed', async () => {
    const launcher = create();
    const idle = launcher.start(entry);
    await echoed(idle, 1, 'here');
    process.kill(parentOf(idle.pid()), 'SIGKILL');
    await idle.ended;
    await vi.waitFor(() => expect(processIsAlive(idle.pid() ?? 0)).toBe(false), { timeout: 10_000, interval: 10 });
    expect(await echoed(launcher.start(entry), 1, 'again')).toBe('again');
  });
});
