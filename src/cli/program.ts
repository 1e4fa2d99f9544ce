import { CommanderError } from 'commander';
import { processEnvironment } from '../settings.ts';
import { createProgramFor } from './create-program.ts';
import { errorWords } from './error-words.ts';
import type { CliIo } from './io.ts';

const io: CliIo = {
  stdout: (text) => void process.stdout.write(text),
  stderr: (text) => void process.stderr.write(text),
  env: processEnvironment(),
  setExitCode: (code) => {
    process.exitCode = code;
  },
};

/** Ends a command that could not be carried out: Node's own code for that is 1, which says that a check failed. */
const giveUp = (error: unknown): void => {
  io.stderr(`${errorWords(error)}\n`);
  process.exit(3);
};

const program = (await createProgramFor(io, process.argv.slice(2))).configureOutput({ writeOut: io.stdout, writeErr: io.stderr });

/** Who reads no further (`| head`) has seen enough: the command ends as it would have, with its own exit code. */
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') giveUp(error);
});

// By an exit, so that what a command has made for itself is removed. `serve` hears the signals in its own way.
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(130));

try {
  await program.parseAsync();
} catch (error) {
  // commander has said what is wrong; asking for help is no fault.
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? 0 : 2;
  else giveUp(error);
}
