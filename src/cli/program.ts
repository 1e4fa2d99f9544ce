import { CommanderError } from 'commander';
import { processEnvironment } from '../settings.ts';
import { createProgramFor } from './create-program.ts';
import type { CliIo } from './io.ts';

const io: CliIo = {
  stdout: (text) => void process.stdout.write(text),
  stderr: (text) => void process.stderr.write(text),
  env: processEnvironment(),
  setExitCode: (code) => {
    process.exitCode = code;
  },
};

const program = (await createProgramFor(io, process.argv.slice(2))).configureOutput({ writeOut: io.stdout, writeErr: io.stderr });

/** Who reads no further (`| head`) has seen enough: the command ends as it would have, with its own exit code. */
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
});

process.once('SIGINT', () => process.exit(130));

try {
  await program.parseAsync();
} catch (error) {
  // commander has said what is wrong; asking for help is no fault.
  if (!(error instanceof CommanderError)) throw error;
  process.exitCode = error.exitCode === 0 ? 0 : 2;
}
