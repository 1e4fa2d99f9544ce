import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { reproduceCommand } from '../../src/cli/reproduce.ts';
import { type BundleCopy, copyBundle } from '../support/bundle-copy.ts';
import { runCommand } from '../support/run-command.ts';

/** A machine need not have the Python of a bundle: this one has all that a dry run asks of it, and runs shell scripts. */
const interpreter = `#!/bin/sh
case "$1 $2" in
  "-c "*) echo 3.11 ;;
  "-m venv") mkdir -p "$3/bin"; cp "$0" "$3/bin/python" ;;
  "-m pip") echo numpy==2.4.6 ;;
  *) exec sh "$@" ;;
esac
`;

const metrics = 'evaluation/metrics.json';
const remake = `mkdir -p "$2/evaluation"; cp model.onnx "$2"; cp ${metrics} "$2/${metrics}"`;

interface Trained {
  readonly copy: BundleCopy;
  readonly env: Readonly<Record<string, string>>;
  readonly temporary: string;
  readonly words: readonly string[];
}

/** A bundle that this script makes, with what it states as its metrics. */
const trainedBy = async (script: string, stated?: string): Promise<Trained> => {
  const copy = await copyBundle('search-ranker', '1.3.2');
  const { root, modelsDir, goldenDir } = copy.folders;
  const [bin, temporary] = [join(root, 'bin'), join(root, 'temporary')];
  await Promise.all([bin, temporary].map((folder) => mkdir(folder)));
  await writeFile(join(bin, 'python3.11'), interpreter);
  await chmod(join(bin, 'python3.11'), 0o755);
  await copy.editYaml('handoff.yaml', (manifest) => Object.assign(manifest.training, { python: '3.11', arguments: ['--out', '{out}'], metrics }));
  await copy.write('training/train.py', script);
  if (stated !== undefined) await copy.write(metrics, stated);
  await copy.seal();
  return {
    copy,
    temporary,
    env: { PATH: `${bin}:${process.env.PATH}`, TMPDIR: temporary },
    words: ['search-ranker/1.3.2', '--models-dir', modelsDir, '--golden-dir', goldenDir],
  };
};

const reproduce = async ({ words, env }: Trained) => {
  vi.stubEnv('TMPDIR', env.TMPDIR);
  const { exitCode, stdout } = await runCommand(reproduceCommand, [...words, '--json'], env).finally(vi.unstubAllEnvs);
  return { exitCode, last: JSON.parse(stdout).steps.at(-1) };
};

describe('handoff reproduce', () => {
  it('holds a bundle whose script makes the same model and figures, and leaves nothing behind', async () => {
    const trained = await trainedBy(remake);
    expect(await reproduce(trained)).toMatchObject({ exitCode: 0, last: { step: 'metrics', result: 'ok' } });
    expect(await readdir(trained.temporary)).toEqual([]);
  });

  it.each<[string, string, string | undefined, string]>([
    ['the bundle states no JSON', remake, '{"a": ', `${metrics} of the script: got `],
    ['the script writes no JSON', `${remake}; echo nonsense > "$2/${metrics}"`, undefined, `${metrics} of the script: got `],
    ['no figure is stated', remake, '{"model": "search-ranker", "seconds": 5}', `${metrics}: got no figure`],
    ['the script makes another figure', `${remake}; echo '{}' > "$2/${metrics}"`, undefined, 'got nothing'],
    ['the script makes no metrics', 'mkdir -p "$2"; cp model.onnx "$2"', undefined, `did not write ${metrics}`],
  ])('fails when %s', async (_, ...[script, stated, detail]) => {
    const trained = await trainedBy(script, stated);
    expect(await reproduce(trained)).toMatchObject({ exitCode: 1, last: { step: 'metrics', result: 'failed', detail: expect.stringContaining(detail) } });
    expect(await readdir(trained.temporary)).toEqual([]);
  });

  it('names the file of the bundle when that is the one that is no JSON', async () => {
    const trained = await trainedBy(`${remake}; echo '{"a": 1}' > "$2/${metrics}"`, '{"a": ');
    const { last } = await reproduce(trained);
    expect(last.detail).toMatch(/^evaluation\/metrics\.json: got .*, expected JSON$/);
  });

  it('leaves neither its folder nor the script behind when it is interrupted', async () => {
    const trained = await trainedBy(`echo $$ > "$PID_FILE"; exec tail -f /dev/null`);
    const pidFile = join(trained.copy.folders.root, 'pid');
    const child = spawn(process.execPath, ['src/cli.js', 'reproduce', ...trained.words], {
      env: { ...process.env, ...trained.env, PID_FILE: pidFile },
      stdio: 'ignore',
    });
    const closed = once(child, 'close');
    const pid = await vi.waitFor(
      async () => {
        const text = await readFile(pidFile, 'utf8');
        expect(text).toMatch(/^\d+\n$/);
        return Number(text);
      },
      { timeout: 30_000 },
    );
    child.kill('SIGTERM');
    await closed;
    expect(child.exitCode).toBe(130);
    expect(await readdir(trained.temporary)).toEqual([]);
    // Whoever inherits it may take a while to see that it has ended.
    await vi.waitFor(() => expect(() => process.kill(pid, 0)).toThrow('ESRCH'), { timeout: 30_000 });
  });
});
