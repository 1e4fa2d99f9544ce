import type { Command } from 'commander';
import { checkCommand } from './check.ts';
import type { CliIo } from './io.ts';
import { ledgerCommand } from './ledger.ts';
import { newProgram } from './new-program.ts';
import { reproduceCommand } from './reproduce.ts';
import { rolloutCommand } from './rollout.ts';
import { serveCommand } from './serve.ts';
import { smokeCommand } from './smoke.ts';

const commands = [serveCommand, checkCommand, smokeCommand, reproduceCommand, rolloutCommand, ledgerCommand];

/** The command line with all its commands, not run yet. */
export const createProgram = (io: CliIo): Command => newProgram(io, commands);
