import { Command, CommanderError } from 'commander';
import { processEnvironment } from '../settings.ts';
import type { CliIo } from './io.ts';

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

/** How each command is loaded: only the one that is named, since they stand on different packages and a start should be short. */
const commands: Readonly<Record<string, () => Promise<(io: CliIo) => Command>>> = {
  serve: async () => (await import('./serve.ts')).serveCommand,
  check: async () => (await import('./check.ts')).checkCommand,
  smoke: async () => (await import('./smoke.ts')).smokeCommand,
  rollout: async () => (await import('./rollout.ts')).rolloutCommand,
  ledger: async () => (await import('./ledger.ts')).ledgerCommand,
};

const [named = ''] = process.argv.slice(2);
const loads = Object.hasOwn(commands, named) ? [commands[named]] : Object.values(commands);
for (const make of await Promise.all(loads.map((load) => load?.()))) if (make !== undefined) program.addCommand(make(io).exitOverride());

process.once('SIGINT', () => process.exit(130));

try {
  await program.parseAsync();
} catch (error) {
  // commander has said what is wrong; asking for help is no fault.
  if (!(error instanceof CommanderError)) throw error;
  process.exitCode = error.exitCode === 0 ? 0 : 2;
}
