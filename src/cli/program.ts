import { Command, CommanderError } from 'commander';
import { processEnvironment } from '../settings.ts';
import { checkCommand } from './check.ts';
import type { CliIo } from './io.ts';
import { initCommand } from './init.ts';
import { ledgerCommand } from './ledger.ts';
import { rolloutCommand } from './rollout.ts';
import { serveCommand } from './serve.ts';
import { smokeCommand } from './smoke.ts';

const io: CliIo = {
  stdout: (text) => void process.stdout.write(text),
  stderr: (text) => void process.stderr.write(text),
  env: processEnvironment(),
  setExitCode: (code) => {
    process.exitCode = code;
  },
};

const program = new Command('handoff')
  .description('serve ONNX models from handoff bundles and roll new versions out safely')
  .exitOverride()
  .configureOutput({ writeOut: (text) => process.stdout.write(text), writeErr: (text) => process.stderr.write(text) });

for (const make of [serveCommand, initCommand, checkCommand, smokeCommand, rolloutCommand, ledgerCommand]) program.addCommand(make(io).exitOverride());

process.once('SIGINT', () => process.exit(130));

try {
  await program.parseAsync();
} catch (error) {
  // commander has said what is wrong; asking for help is no fault.
  if (!(error instanceof CommanderError)) throw error;
  process.exitCode = error.exitCode === 0 ? 0 : 2;
}
