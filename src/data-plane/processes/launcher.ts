/**
 * Starts processes for the gateway by a launcher, so that the gateway's loop is not held. Each process gets a channel of
 * frames to the gateway, a local socket of its own. States of a process: starting (frames to it wait), joined, ended.
 * The launcher itself starts with the first process; should it die, its processes end, and the next start brings a new one.
 */
import type { ChildProcess } from 'node:child_process';
import { fork } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import type { Server, Socket } from 'node:net';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { FrameChannel, OnFrame } from './frame-channel.ts';
import { createFrameChannel } from './frame-channel.ts';
import type { FromLauncher, ToLauncher } from './launcher-protocol.ts';

/** One process of the gateway's. Its first file calls `joinGateway`. */
export interface LaunchedProcess {
  /** Null until it is started, and if it could not be. */
  readonly pid: () => number | null;
  /** Sends a frame; before the process has joined it waits, after its end it is dropped. */
  readonly send: FrameChannel['send'];
  /** Says who gets the frames that come. To be set in the turn of the start: none comes before the process was sent one. */
  readonly receive: (onFrame: OnFrame) => void;
  readonly isOver: () => boolean;
  /** Resolves when the process is gone, or when it is known that it never came. */
  readonly ended: Promise<void>;
  /** On full cores the gateway's loop comes first from now on, by so many steps of niceness, 1 to 19: it answers for the baseline, and rescues. For good. */
  readonly yieldToGateway: (niceBy: number) => void;
  /** Ends it at once. */
  readonly kill: () => void;
}

export interface Launcher {
  /** Starts a process whose first file is `entry`, the URL of a module; an idle one of that entry is taken if there is one. */
  readonly start: (entry: string) => LaunchedProcess;
  /** Starts processes ahead of need, which wait idle for `start`. They must do nothing before they are sent a frame. */
  readonly prepare: (entry: string, count: number) => void;
  /** Ends the prepared processes that nobody has taken. */
  readonly dismissIdle: () => void;
  /** Ends every process and the launcher. Idempotent. */
  readonly close: () => Promise<void>;
}

interface Member extends LaunchedProcess {
  readonly token: string;
  readonly started: (pid: number) => void;
  readonly joined: (socket: Socket) => void;
  readonly over: () => void;
}

const tokenBytes = 16;
/** A stranger that connects and says nothing is shown out after so long. */
const helloMs = 10_000;

const launcherMain = new URL('./launcher-main.ts', import.meta.url).href;
const processStart = fileURLToPath(new URL('./process-start.js', import.meta.url));

/** A name that needs no file where the system has such names, since the file system may be read-only. */
const newAddress = (): string => {
  const name = `handoff-${randomBytes(tokenBytes).toString('hex')}`;
  if (process.platform === 'linux') return `\0${name}`;
  return process.platform === 'win32' ? `\\\\.\\pipe\\${name}` : join(tmpdir(), name);
};

export const createLauncher = (): Launcher => {
  const members = new Map<number, Member>();
  const idle = new Map<string, Member[]>();
  let nextId = 0;
  let base: Base | null = null;
  let closed: Promise<void> | null = null;

  const openBase = (): Base => {
    base ??= createBase({
      admit: (token, socket) => {
        const member = [...members.values()].find((each) => each.token === token);
        if (member === undefined) socket.destroy();
        else member.joined(socket);
      },
      receive: (message) => {
        if (message.kind === 'started') members.get(message.id)?.started(message.pid);
        else members.get(message.id)?.over();
      },
      lost: () => {
        base = null;
        for (const member of [...members.values()]) member.over();
      },
    });
    return base;
  };

  const begin = (entry: string): Member => {
    if (closed !== null) throw new Error('a process was to be started by a launcher that is closed');
    const id = nextId;
    nextId += 1;
    const { send, address } = openBase();
    const token = randomBytes(tokenBytes).toString('hex');
    const member = createMember({ token, order: (what) => send({ ...what, id }), onOver: () => void members.delete(id) });
    members.set(id, member);
    send({ kind: 'start', id, entry, address, token });
    return member;
  };

  return {
    start: (entry) => {
      const waiting = (idle.get(entry) ?? []).filter((member) => !member.isOver());
      const member = waiting.shift() ?? begin(entry);
      idle.set(entry, waiting);
      return member;
    },
    prepare: (entry, count) => {
      idle.set(entry, [...(idle.get(entry) ?? []), ...Array.from({ length: count }, () => begin(entry))]);
    },
    dismissIdle: () => {
      for (const member of [...idle.values()].flat()) member.kill();
      idle.clear();
    },
    close: () => {
      closed ??= base?.close() ?? Promise.resolve();
      return closed;
    },
  };
};

interface MemberDeps {
  readonly token: string;
  readonly order: (what: { readonly kind: 'kill' } | { readonly kind: 'yield'; readonly niceBy: number }) => void;
  readonly onOver: () => void;
}

const createMember = ({ token, order, onOver }: MemberDeps): Member => {
  const { promise: ended, resolve } = Promise.withResolvers<void>();
  let pid: number | null = null;
  let isOver = false;
  let socket: Socket | null = null;
  let channel: FrameChannel | null = null;
  let onFrame: OnFrame = () => undefined;
  let unsent: (readonly [number, ...Uint8Array[]])[] = [];
  return {
    token,
    ended,
    kill: () => order({ kind: 'kill' }),
    yieldToGateway: (niceBy) => order({ kind: 'yield', niceBy }),
    pid: () => pid,
    isOver: () => isOver,
    receive: (receiver) => {
      onFrame = receiver;
    },
    send: (kind, ...parts) => {
      if (channel !== null) channel.send(kind, ...parts);
      else if (!isOver) unsent.push([kind, ...parts]);
    },
    started: (given) => {
      pid = given;
    },
    joined: (coming) => {
      if (channel !== null || isOver) {
        coming.destroy();
        return;
      }
      socket = coming;
      channel = createFrameChannel(coming, (kind, payload) => onFrame(kind, payload));
      for (const frame of unsent) channel.send(...frame);
      unsent = [];
    },
    over: () => {
      isOver = true;
      unsent = [];
      socket?.destroy();
      onOver();
      resolve();
    },
  };
};

interface BaseDeps {
  readonly admit: (token: string, socket: Socket) => void;
  readonly receive: (message: FromLauncher) => void;
  /** The launcher is gone. */
  readonly lost: () => void;
}

/** The launcher's process and the socket on which what it starts reports. */
interface Base {
  readonly address: string;
  readonly send: (message: ToLauncher) => void;
  readonly close: () => Promise<void>;
}

const createBase = ({ admit, receive, lost }: BaseDeps): Base => {
  const address = newAddress();
  const server = listen(address, admit);
  const child: ChildProcess = fork(processStart, [launcherMain], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'], execArgv: [] });
  const { promise: gone, resolve } = Promise.withResolvers<void>();
  const onGone = (): void => {
    server.close();
    lost();
    resolve();
  };
  child.once('exit', onGone);
  // A process that cannot even be spawned has no exit.
  child.on('error', () => {
    if (child.pid === undefined) onGone();
  });
  child.on('message', receive);
  return {
    address,
    // A send to a launcher that is just ending fails; its `exit` then ends its processes here.
    send: (message) => void (child.connected && child.send(message, () => undefined)),
    close: async () => {
      if (child.connected) child.disconnect();
      await gone;
    },
  };
};

const listen = (address: string, admit: BaseDeps['admit']): Server => {
  const server = createServer((socket) => {
    socket.on('error', () => socket.destroy());
    socket.setTimeout(helloMs, () => socket.destroy());
    // The token is a single small write to a local socket, so it comes in one piece; what does not begin so is a stranger.
    socket.once('data', (hello) => {
      socket.setTimeout(0);
      socket.removeAllListeners('timeout');
      admit(hello.toString('latin1'), socket);
    });
  });
  // Nobody can join then: what was started ends when its time to load is over, and says so.
  server.on('error', () => undefined);
  return server.listen(address);
};
