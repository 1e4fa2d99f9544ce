import { type Command, CommanderError } from 'commander';
import { processEnvironment } from '../settings.ts';
import type { CliIo } from './io.ts';
import { newProgram } from './new-program.ts';

const io: CliIo = {
  stdout: (text) => void process.stdout.write(text),
  stderr: (text) => void process.stderr.write(text),
  env: processEnvironment(),
  setExitCode: (code) => {
    process.exitCode = code;
  },
};

/** A start of the gateway loads its own command alone: the others stand on packages that would take the first answer's time. */
const load = async (): Promise<Command> => {
  if (process.argv[2] === 'serve') return newProgram(io, [(await import('./serve.ts')).serveCommand]);
  return (await import('./create-program.ts')).createProgram(io);
};

const program = (await load()).configureOutput({ writeOut: io.stdout, writeErr: io.stderr });

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
