import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { TeamFolders } from './bundles.ts';

const cli = new URL('../../src/cli.js', import.meta.url).pathname;

/** A gateway in a process of its own, spoken to over HTTP only. */
export interface GatewayProcess {
  readonly pid: number;
  readonly url: string;
  readonly adminUrl: string;
  readonly log: () => readonly Record<string, unknown>[];
  readonly infer: (body: unknown, headers?: Readonly<Record<string, string>>) => Promise<Answer>;
  readonly admin: (method: string, path: string, body?: unknown) => Promise<{ readonly status: number; readonly body: Record<string, unknown> }>;
  readonly metric: (line: RegExp) => Promise<number>;
  /** Sends the signal and waits for the end. @returns the exit code, null after a signal that killed it */
  readonly end: (signal: 'SIGTERM' | 'SIGKILL') => Promise<number | null>;
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Record<string, unknown> & { readonly outputs?: readonly Record<string, unknown>[] };
}

const flags = ({ modelsDir, goldenDir, rolloutDir, dataDir }: TeamFolders): string[] => [
  '--models-dir',
  modelsDir,
  '--golden-dir',
  goldenDir,
  '--rollout-dir',
  rolloutDir,
  '--data-dir',
  dataDir,
];

const listening = async (child: ChildProcess, lines: Record<string, unknown>[]): Promise<{ readonly port: number; readonly adminPort: number }> => {
  const output = createInterface({ input: child.stdout ?? process.stdin });
  return new Promise((resolve, reject) => {
    output.on('line', (line) => {
      const entry = JSON.parse(line);
      lines.push(entry);
      if (entry.msg === 'listening') resolve(entry);
    });
    child.once('exit', (code) => reject(new Error(`the gateway ended with ${code} before it listened: ${JSON.stringify(lines.at(-1))}`)));
  });
};

/** Starts `handoff serve` on free ports and waits until it says that it listens. */
export const startGateway = async (
  folders: TeamFolders,
  options: { readonly flags?: readonly string[]; readonly env?: Readonly<Record<string, string>> } = {},
): Promise<GatewayProcess> => {
  const child = spawn(process.execPath, [cli, 'serve', '--port', '0', '--admin-port', '0', ...flags(folders), ...(options.flags ?? [])], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, ...options.env },
  });
  const lines: Record<string, unknown>[] = [];
  const { port, adminPort } = await listening(child, lines);
  const url = `http://127.0.0.1:${port}`;
  const adminUrl = `http://127.0.0.1:${adminPort}`;
  return {
    pid: child.pid ?? 0,
    url,
    adminUrl,
    log: () => lines,
    infer: async (body, headers = {}) => {
      const response = await fetch(`${url}/infer`, { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body: JSON.stringify(body) });
      return { status: response.status, headers: response.headers, body: (await response.json()) as Answer['body'] };
    },
    admin: async (method, path, body) => {
      const response = await fetch(`${adminUrl}${path}`, {
        method,
        ...(method === 'GET' ? {} : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body ?? {}) }),
      });
      return { status: response.status, body: (await response.json()) as Record<string, unknown> };
    },
    metric: async (line) => {
      const text = await (await fetch(`${adminUrl}/metrics`)).text();
      return text
        .split('\n')
        .filter((entry) => line.test(entry))
        .reduce((sum, entry) => sum + Number(entry.split(' ').at(-1)), 0);
    },
    end: async (signal) => {
      if (child.exitCode !== null || child.signalCode !== null) return child.exitCode;
      const exited = once(child, 'exit');
      child.kill(signal);
      await exited;
      return child.exitCode;
    },
  };
};

/** Runs `handoff …` to its end. */
export const runCli = async (
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<{ readonly code: number | null; readonly stdout: string; readonly stderr: string }> => {
  const child = spawn(process.execPath, [cli, ...args], { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...env } });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk) => {
    stdout += chunk;
  });
  child.stderr.on('data', (chunk) => {
    stderr += chunk;
  });
  await once(child, 'close');
  return { code: child.exitCode, stdout, stderr };
};
