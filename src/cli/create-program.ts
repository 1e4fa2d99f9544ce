import { Command } from 'commander';
import { checkCommand } from './check.ts';
import { diffCommand } from './diff.ts';
import { explainCommand } from './explain.ts';
import { initCommand } from './init.ts';
import type { CliIo } from './io.ts';
import { ledgerCommand } from './ledger.ts';
import { planCommand } from './plan.ts';
import { rehearseCommand } from './rehearse.ts';
import { reportCommand } from './report.ts';
import { reproduceCommand } from './reproduce.ts';
import { rolloutCommand } from './rollout.ts';
import { serveCommand } from './serve.ts';
import { signCommand } from './sign.ts';
import { smokeCommand } from './smoke.ts';
import { verifyCommand } from './verify.ts';

const commands = [
  serveCommand,
  initCommand,
  checkCommand,
  smokeCommand,
  diffCommand,
  reproduceCommand,
  signCommand,
  verifyCommand,
  planCommand,
  rehearseCommand,
  rolloutCommand,
  ledgerCommand,
  explainCommand,
  reportCommand,
];

/** The command line with all its commands, not run yet. */
export const createProgram = (io: CliIo): Command => {
  const program = new Command('handoff').description('serve ONNX models from handoff bundles and roll new versions out safely').exitOverride();
  for (const make of commands) program.addCommand(make(io).exitOverride());
  return program;
};
