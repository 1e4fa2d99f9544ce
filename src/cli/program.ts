import { CommanderError } from 'commander';
import { processEnvironment } from '../settings.ts';
import { createProgram } from './create-program.ts';
import type { CliIo } from './io.ts';

const io: CliIo = {
  stdout: (text) => void process.stdout.write(text),
  stderr: (text) => void process.stderr.write(text),
  env: processEnvironment(),
  setExitCode: (code) => {
    process.exitCode = code;
  },
};

const program = createProgram(io).configureOutput({ writeOut: io.stdout, writeErr: io.stderr });

process.once('SIGINT', () => process.exit(130));

try {
  await program.parseAsync();
} catch (error) {
  // commander has said what is wrong; asking for help is no fault.
  if (!(error instanceof CommanderError)) throw error;
  process.exitCode = error.exitCode === 0 ? 0 : 2;
}
