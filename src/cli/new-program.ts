import { Command } from 'commander';
import type { CliIo } from './io.ts';

/** How a command is made. */
export type MakeCommand = (io: CliIo) => Command;

/** The command line with these commands, not run yet. */
export const newProgram = (io: CliIo, commands: readonly MakeCommand[]): Command => {
  const program = new Command('handoff').description('serve ONNX models from handoff bundles and roll new versions out safely').exitOverride();
  for (const make of commands) program.addCommand(make(io).exitOverride());
  return program;
};
