import { type Command, CommanderError } from 'commander';
import type { CliIo } from '../../src/cli/io.ts';

/** What a command printed and how it ended; `usage` is what commander threw. */
export interface CommandResult {
  readonly stdout: string;
  readonly stderr: string;
  readonly exitCode: number;
  readonly usage: CommanderError | null;
}

/** Runs a command of the command line in this process. */
export const runCommand = async (make: (io: CliIo) => Command, words: readonly string[], env: CliIo['env'] = {}): Promise<CommandResult> => {
  const result = { stdout: '', stderr: '', exitCode: 0, usage: null as CommanderError | null };
  const io: CliIo = {
    stdout: (text) => {
      result.stdout += text;
    },
    stderr: (text) => {
      result.stderr += text;
    },
    env,
    setExitCode: (code) => {
      result.exitCode = code;
    },
  };
  const command = make(io).exitOverride().configureOutput({ writeOut: io.stdout, writeErr: io.stderr });
  await command.parseAsync(words, { from: 'user' }).catch((error: unknown) => {
    if (!(error instanceof CommanderError)) throw error;
    result.usage = error;
  });
  return result;
};
