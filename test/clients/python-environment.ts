import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Virtual environments of the foreign tools, outside of the source tree; each is made once for its pinned requirements. */
const cacheFolder = (): string => join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'handoff-clients');

/** How a program of an environment ended. */
export interface ProgramEnd {
  readonly code: number;
  readonly output: string;
}

/** A Python environment with exactly the packages of its requirements. */
export interface PythonEnvironment {
  /** Where a program of the environment is, for whoever keeps it running. */
  readonly path: (program: string) => string;
  /** Runs a program that the environment brings (`python`, or a console script). Never rejects for how it ends. */
  readonly run: (program: string, args: readonly string[], options?: { readonly cwd?: string }) => Promise<ProgramEnd>;
}

/**
 * The environment of `test/clients/<name>.requirements.txt`, made at the first call: that needs python3 with venv, and PyPI.
 *
 * @throws the error of `python3` or `pip`, with its output, when it cannot be made
 */
export const pythonEnvironment = async (name: string): Promise<PythonEnvironment> => {
  const requirements = new URL(`./${name}.requirements.txt`, import.meta.url).pathname;
  const digest = createHash('sha256')
    .update(await readFile(requirements))
    .digest('hex');
  const folder = join(cacheFolder(), `${name}-${digest.slice(0, 12)}`);
  const done = join(folder, 'complete');
  if (!existsSync(done)) {
    // A run that was interrupted left half of it behind.
    await rm(folder, { recursive: true, force: true });
    await mkdir(cacheFolder(), { recursive: true });
    await run('python3', ['-m', 'venv', folder]);
    await run(join(folder, 'bin', 'python'), ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--requirement', requirements]);
    await mkdir(`${done}.part`);
    await rename(`${done}.part`, done);
  }
  return {
    path: (program) => join(folder, 'bin', program),
    run: async (program, args, options = {}) => {
      try {
        const { stdout, stderr } = await run(join(folder, 'bin', program), [...args], options);
        return { code: 0, output: `${stdout}${stderr}` };
      } catch (error) {
        if (!(error instanceof Error) || typeof Reflect.get(error, 'code') !== 'number') throw error;
        return { code: Number(Reflect.get(error, 'code')), output: `${String(Reflect.get(error, 'stdout'))}${String(Reflect.get(error, 'stderr'))}` };
      }
    },
  };
};
