import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Command } from 'commander';
import { readMachine } from '../checklist/budgets.ts';
import { runChecklist } from '../checklist/checklist.ts';
import { systemClock } from '../clock.ts';
import { type AnyLedgerEntry, readEntryLine } from '../ledger/verify-chain.ts';
import { reportMarkdown } from '../report/report-markdown.ts';
import { type OfflineJudgement, type RolloutReport, rolloutReport } from '../report/rollout-report.ts';
import { type BundleFolders, selectBundles, withFolders } from './bundle-folders.ts';
import type { CliIo } from './io.ts';
import { commandErrorOf, LedgerCommandError, ledgerSource, type SourceOptions } from './ledger-source.ts';
import { gatewayVocabulary } from './vocabulary.ts';
import { withLauncher } from './with-launcher.ts';

interface ReportOptions extends BundleFolders, SourceOptions {
  readonly json?: true;
  readonly out?: string;
}

const entriesOf = async (options: ReportOptions, io: CliIo): Promise<readonly AnyLedgerEntry[]> => {
  const entries: AnyLedgerEntry[] = [];
  for await (const line of ledgerSource(options, io.env).lines()) {
    const entry = readEntryLine(line);
    if (typeof entry === 'string') throw new LedgerCommandError(3, `an entry cannot be read: ${entry}; \`handoff ledger verify\` tells which`);
    entries.push(entry);
  }
  return entries;
};

/** The offline criteria of the very files that were tried, against the baseline; null when they are not there any more. */
const judgeOffline = async (
  { model, baseline, candidate, candidateDigest }: RolloutReport,
  { options, program }: { readonly options: ReportOptions; readonly program: Command },
): Promise<readonly OfflineJudgement[] | null> => {
  const [place] = await selectBundles(options, [`${model}/${candidate}`]);
  const [before = null] = await selectBundles(options, [`${model}/${baseline}`]);
  if (place === undefined) return null;
  const { monotonicMs } = systemClock;
  const deps = { vocabulary: await gatewayVocabulary(program), machine: await readMachine(monotonicMs), monotonicMs, trustedKeys: [] };
  const { bundle, evaluation } = await withLauncher((launcher) => runChecklist(place, before, { ...deps, launcher }));
  if (bundle?.digest !== candidateDigest || evaluation === null) return null;
  return evaluation.judgements.map(({ criterion, candidate: value, baseline: other, effect, verdict }) => ({
    criterion,
    candidate: value,
    baseline: other,
    effect,
    verdict,
  }));
};

/** Beside the versions of the model, in no bundle: a report comes after the signature and must not break it. */
const keep = async (report: RolloutReport, { out, modelsDir }: ReportOptions): Promise<string> => {
  const folder = out ?? join(modelsDir, report.model, 'reports');
  await mkdir(folder, { recursive: true });
  const path = join(folder, `${report.rollout}.md`);
  await writeFile(path, reportMarkdown(report));
  await writeFile(join(folder, `${report.rollout}.json`), `${JSON.stringify(report, null, 2)}\n`);
  return path;
};

const write = async (rollout: string, options: ReportOptions, { io, program }: { readonly io: CliIo; readonly program: Command }): Promise<void> => {
  const entries = await entriesOf(options, io);
  const found = rolloutReport(entries, { rollout, offline: null });
  if (found === null) throw new LedgerCommandError(3, `the ledger has no decision of a rollout ${rollout}`);
  const offline = await judgeOffline(found, { options, program });
  const report = rolloutReport(entries, { rollout, offline }) ?? found;
  const path = await keep(report, options);
  io.stdout(options.json ? `${JSON.stringify(report)}\n` : reportMarkdown(report));
  io.stderr(`kept in ${path}\n`);
};

/** `handoff report`: what the next handoff should know of a rollout, from the ledger and the bundles that were tried. */
export const reportCommand = (io: CliIo): Command => {
  const command = new Command('report');
  return withFolders(command)
    .description('write what the next handoff should know of a rollout: offline against live, what failed, what it cost, how long each step took')
    .argument('<rollout>', 'id of the rollout')
    .option('--data-dir <dir>', "the gateway's data folder, running or not (default: HANDOFF_DATA_DIR or .handoff)")
    .option('--admin-url <url>', 'read the ledger from a running gateway instead')
    .option('--file <file>', 'read an exported ledger instead')
    .option('--key-file <file>', 'file with the secret of an access key (HANDOFF_KEY_FILE)', io.env.HANDOFF_KEY_FILE)
    .option('--out <dir>', 'folder for the report (default: reports/ beside the versions of the model)')
    .option('--json', 'print the report as JSON')
    .action(async (rollout: string, options: ReportOptions) => {
      try {
        await write(rollout, options, { io, program: command.parent ?? command });
      } catch (error) {
        const { message, exitCode } = commandErrorOf(error);
        io.stderr(`${message}\n`);
        io.setExitCode(exitCode);
      }
    });
};
