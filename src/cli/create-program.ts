import type { Command } from 'commander';
import type { CliIo } from './io.ts';
import { type MakeCommand, newProgram } from './new-program.ts';

/** How each command is loaded, in the order of the help: one that is run loads its own packages, not those of the others. */
const commands: ReadonlyMap<string, () => Promise<MakeCommand>> = new Map([
  ['serve', async () => (await import('./serve.ts')).serveCommand],
  ['init', async () => (await import('./init.ts')).initCommand],
  ['check', async () => (await import('./check.ts')).checkCommand],
  ['smoke', async () => (await import('./smoke.ts')).smokeCommand],
  ['diff', async () => (await import('./diff.ts')).diffCommand],
  ['reproduce', async () => (await import('./reproduce.ts')).reproduceCommand],
  ['sign', async () => (await import('./sign.ts')).signCommand],
  ['verify', async () => (await import('./verify.ts')).verifyCommand],
  ['plan', async () => (await import('./plan.ts')).planCommand],
  ['rehearse', async () => (await import('./rehearse.ts')).rehearseCommand],
  ['rollout', async () => (await import('./rollout.ts')).rolloutCommand],
  ['ledger', async () => (await import('./ledger.ts')).ledgerCommand],
  ['explain', async () => (await import('./explain.ts')).explainCommand],
  ['report', async () => (await import('./report.ts')).reportCommand],
]);

/** These hold what a bundle says against the names of all commands. */
const knowAll: ReadonlySet<string> = new Set(['check', 'report']);

/** The command line with all its commands, not run yet. */
export const createProgram = async (io: CliIo): Promise<Command> => newProgram(io, await Promise.all([...commands.values()].map((load) => load())));

/** The command line as far as these words need it: with the command that they name, or with all. */
export const createProgramFor = async (io: CliIo, [name = '']: readonly string[]): Promise<Command> => {
  const load = knowAll.has(name) ? undefined : commands.get(name);
  return load === undefined ? createProgram(io) : newProgram(io, [await load()]);
};
