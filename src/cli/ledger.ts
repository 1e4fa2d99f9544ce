import { Command, InvalidArgumentError, Option } from 'commander';
import { type ReplayVerdict, replayLedger } from '../control-plane/replay/replay-ledger.ts';
import { headText, type LedgerHead } from '../ledger/ledger-entry.ts';
import { type ChainVerdict, verifyChain } from '../ledger/verify-chain.ts';
import { LedgerDamagedError } from '../store/sqlite-ledger-reader.ts';
import type { CliIo, ExitCode } from './io.ts';
import { ledgerKeys } from './ledger-keys.ts';
import { type ShowOptions, showLedger } from './ledger-show.ts';
import { commandErrorOf, type LedgerSource, ledgerSource, type SourceOptions } from './ledger-source.ts';

interface VerifyOptions extends SourceOptions {
  readonly head?: LedgerHead;
  readonly ledgerKey: readonly string[];
  readonly withoutKey?: true;
  readonly json?: true;
}

type Verdict = ChainVerdict | { readonly verifies: false; readonly sequence: number; readonly fault: 'damaged'; readonly reason: string };

const headArgument = (text: string): LedgerHead => {
  const [, sequence, hash] = /^([1-9]\d{0,14}):([0-9a-f]{64})$/.exec(text) ?? [];
  if (sequence === undefined || hash === undefined)
    throw new InvalidArgumentError(`got ${text}, expected a head as the log and the API tell it, SEQUENCE:HASH`);
  return { sequence: Number(sequence), hash };
};

const sentence = (verdict: Verdict): string => {
  if (!verdict.verifies) return `does not verify: ${verdict.reason}`;
  const { entries, head, authenticated } = verdict;
  const seals = authenticated ? '' : ', but without the key forgery does not show';
  return head === null ? 'verifies: the ledger is empty' : `verifies: ${entries} ${entries === 1 ? 'entry' : 'entries'}, head ${headText(head)}${seals}`;
};

const exitCodeOf = (verdict: Verdict, options: VerifyOptions): ExitCode => {
  if (!verdict.verifies) return 1;
  return verdict.authenticated || options.withoutKey === true ? 0 : 3;
};

/** A file that is damaged does not verify: that is an answer, not a failure to get one. */
const damageOf = (error: unknown): Verdict => {
  if (!(error instanceof LedgerDamagedError)) throw error;
  return { verifies: false, sequence: error.sequence, fault: 'damaged', reason: error.message };
};

const verify = async (source: LedgerSource, { options, io }: { readonly options: VerifyOptions; readonly io: CliIo }): Promise<void> => {
  const keys = options.withoutKey === true ? null : ledgerKeys(options.ledgerKey, { env: io.env, source });
  const verdict = await verifyChain(source.lines(), { keys, head: options.head ?? null }).catch(damageOf);
  const exitCode = exitCodeOf(verdict, options);
  io.stdout(options.json === true ? `${JSON.stringify(verdict)}\n` : `${sentence(verdict)}\n`);
  if (exitCode === 3) io.stderr('there is no key: give --ledger-key, or --without-key to check the hashes alone\n');
  io.setExitCode(exitCode);
};

type Replayed = ReplayVerdict | { readonly agrees: false; readonly sequence: number; readonly fault: 'damaged'; readonly reason: string };

const counted = (count: number, one: string, many: string): string => `${count} ${count === 1 ? one : many}`;

const replaySentence = (verdict: Replayed): string => {
  if (!verdict.agrees) return `does not replay: ${verdict.reason}`;
  const { entries, rollouts, blocks, decisions, withoutRules, head } = verdict;
  if (head === null) return 'replays: the ledger is empty';
  const judged = `${counted(rollouts, 'rollout', 'rollouts')}, ${counted(blocks, 'block', 'blocks')}, ${counted(decisions, 'decision', 'decisions')}`;
  const rest = withoutRules === 0 ? '' : `; ${counted(withoutRules, 'entry is', 'entries are')} of rollouts whose rules the ledger does not have`;
  return `${entries === withoutRules ? 'cannot be replayed' : 'replays'}: ${judged}${rest}; head ${headText(head)}`;
};

/** Nothing that could be judged is no agreement. */
const replayExitCode = (verdict: Replayed): ExitCode => {
  if (!verdict.agrees) return 1;
  return verdict.entries > 0 && verdict.entries === verdict.withoutRules ? 3 : 0;
};

const replay = async (source: LedgerSource, { options, io }: { readonly options: Pick<VerifyOptions, 'json'>; readonly io: CliIo }): Promise<void> => {
  const verdict: Replayed = await replayLedger(source.lines()).catch((error: unknown) => {
    const { verifies: _verifies, ...damage } = damageOf(error);
    return { agrees: false, ...damage } as Replayed;
  });
  io.stdout(options.json === true ? `${JSON.stringify(verdict)}\n` : `${replaySentence(verdict)}\n`);
  io.setExitCode(replayExitCode(verdict));
};

/** Runs a command on the source that its options name; what goes wrong is one line on stderr and an exit code. */
const onSource = async (options: SourceOptions, { io, run }: { readonly io: CliIo; readonly run: (source: LedgerSource) => Promise<void> }): Promise<void> => {
  try {
    await run(ledgerSource(options, io.env));
  } catch (error) {
    const { message, exitCode } = commandErrorOf(error);
    io.stderr(`${message}\n`);
    io.setExitCode(exitCode);
  }
};

const limitArgument = (text: string): number => {
  if (!/^[1-9]\d{0,5}$/.test(text)) throw new InvalidArgumentError(`got ${text}, expected a whole number from 1 to 999999`);
  return Number(text);
};

const addShow = (ledger: Command, io: CliIo): Command =>
  ledger
    .command('show')
    .description('show the newest entries, or write all of them to a file')
    .option('--model <model>', 'entries of this model only')
    .addOption(new Option('--kind <kind>', 'decisions, blocks of counts, or both').choices(['decision', 'block', 'all']).default('decision'))
    .option('--limit <entries>', 'how many', limitArgument, 20)
    .option('--export <file>', 'write the whole ledger to a file, one JSON object a line, for those who verify it themselves')
    .action((options: ShowOptions & SourceOptions) => onSource(options, { io, run: (source) => showLedger(source, { options, io }) }));

const collected = (value: string, previous: readonly string[]): readonly string[] => [...previous, value];

const addVerify = (ledger: Command, io: CliIo): Command =>
  ledger
    .command('verify')
    .description('tell whether any entry was changed, removed, moved or forged: exit code 0 no, 1 yes, 3 nobody could tell')
    .option('--head <head>', 'a head that was kept, SEQUENCE:HASH, so that a tail that was cut off shows', headArgument)
    .option(
      '--ledger-key <file>',
      "file with a key of the ledger, may be given again; without it the gateway's own (HANDOFF_LEDGER_KEY, HANDOFF_LEDGER_KEY_FILE, ledger.key)",
      collected,
      [],
    )
    .option('--without-key', 'check the hashes alone, which shows no forgery by someone who hashes anew')
    .action((options: VerifyOptions) => onSource(options, { io, run: (source) => verify(source, { options, io }) }));

const addReplay = (ledger: Command, io: CliIo): Command =>
  ledger
    .command('replay')
    .description('judge every rollout again from the entries alone: exit code 0 all agree, 1 one does not, 3 nobody could tell')
    .action((options: SourceOptions & Pick<VerifyOptions, 'json'>) => onSource(options, { io, run: (source) => replay(source, { options, io }) }));

/** `handoff ledger show | verify | replay`: reads the decision ledger. Results are set by `io.setExitCode`; faults of usage are thrown as commander's `CommanderError`. */
export const ledgerCommand = (io: CliIo): Command => {
  const ledger = new Command('ledger').description('see, verify and replay the decisions of a gateway');
  // Before the subcommands are added: they copy these.
  ledger.exitOverride().configureOutput({ writeOut: io.stdout, writeErr: io.stderr });
  for (const add of [addShow, addVerify, addReplay]) {
    add(ledger, io)
      .option('--data-dir <folder>', 'data folder of a gateway, running or not (HANDOFF_DATA_DIR, .handoff)')
      .option('--admin-url <url>', 'admin port of a running gateway')
      .option('--file <file>', 'a file that `ledger show --export` wrote')
      .option('--key-file <file>', 'file with the secret of an access key for the admin port (HANDOFF_KEY_FILE)', io.env.HANDOFF_KEY_FILE)
      .option('--json', 'print the answer as JSON');
  }
  return ledger;
};
