/**
 * The launcher: a small process that starts the gateway's other processes. To start a process holds the one that does it
 * for some 10 ms: here nobody waits for an answer meanwhile. When the gateway is gone, the launcher ends what it has started, then itself.
 */
import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { getPriority, setPriority } from 'node:os';
import { fileURLToPath } from 'node:url';
import type { FromLauncher, Introduction, ToLauncher } from './launcher-protocol.ts';

const start = fileURLToPath(new URL('./process-start.js', import.meta.url));
const children = new Map<number, ChildProcess>();

const nicest = 19;

const yieldToGateway = (pid: number, niceBy: number): void => {
  try {
    setPriority(pid, Math.min(getPriority() + niceBy, nicest));
  } catch {
    // Not allowed in some sandboxes: then they share the cores as equals.
  }
};

/** A gateway that has just gone reads no more; `disconnect` then ends this process. */
const tell = (message: FromLauncher): void => {
  process.send?.(message, undefined, undefined, () => undefined);
};

const begin = ({ id, entry, address, token }: Extract<ToLauncher, { kind: 'start' }>): void => {
  const child = spawn(process.execPath, [start, entry], { stdio: ['pipe', 'ignore', 'inherit'] });
  const gone = (): void => {
    if (children.delete(id)) tell({ kind: 'ended', id });
  };
  children.set(id, child);
  child.once('exit', gone);
  // A process that cannot even be spawned has no exit.
  child.on('error', () => {
    if (child.pid === undefined) gone();
  });
  if (child.pid === undefined) return;
  tell({ kind: 'started', id, pid: child.pid });
  const introduction: Introduction = { address, token, parentPid: process.pid };
  // A process that has ended already reads nothing; its exit says so.
  child.stdin.on('error', () => undefined);
  child.stdin.end(JSON.stringify(introduction));
};

// Only the gateway decides when its processes end: a Ctrl-C in the terminal reaches the whole process group.
process.on('SIGINT', () => undefined);
process.on('SIGTERM', () => undefined);
process.on('disconnect', () => {
  for (const child of children.values()) child.kill('SIGKILL');
  process.exit(0);
});
process.on('message', (message: ToLauncher) => {
  if (message.kind === 'start') return begin(message);
  const child = children.get(message.id);
  if (message.kind === 'kill') child?.kill('SIGKILL');
  else if (child?.pid !== undefined) yieldToGateway(child.pid, message.niceBy);
});
