import type { Report } from './finding.ts';
import { codeSpans, tablesOf } from './markdown.ts';
import type { RuleGroup, Subject } from './subject.ts';

interface Row {
  readonly symptom: string;
  readonly diagnostics: string;
  readonly actions: string;
}

const rowsOf = (text: string): readonly Row[] => {
  for (const { head, rows } of tablesOf(text)) {
    const at = (name: RegExp): number => head.findIndex((cell) => name.test(cell));
    const [symptom, diagnostics, actions] = [at(/^symptom/i), at(/^diagnos/i), at(/^act/i)];
    if (symptom === -1 || diagnostics === -1 || actions === -1) continue;
    return rows.map((row) => ({ symptom: row[symptom] ?? '', diagnostics: row[diagnostics] ?? '', actions: row[actions] ?? '' }));
  }
  return [];
};

/** Tools of an operator's shell that a runbook may call beside the gateway's own commands. */
const shellTools = ['curl', 'kubectl', 'npm', 'node', 'git', 'psql', 'sqlite3', 'promtool', 'docker', 'python3'];

/** Words of a command line; what is quoted is one word. */
const wordsOf = (command: string): readonly string[] => (command.match(/"[^"]*"|'[^']*'|\S+/g) ?? []).map((word) => word.replace(/^["']|["']$/g, ''));

/** The gateway's own command in a span, without `npm exec --`; null for anything else. */
const ownCommand = (span: string): readonly string[] | null => {
  const words = wordsOf(span).filter((word) => !/^[A-Z_]+=/.test(word));
  const start = words[0] === 'npm' && words[1] === 'exec' ? words.indexOf('handoff') : words[0] === 'handoff' ? 0 : -1;
  return start === -1 ? null : words.slice(start + 1);
};

const isCall = (span: string): boolean => /^(GET|PUT|POST) \//.test(span);
const isShellCommand = (span: string): boolean => shellTools.includes(wordsOf(span)[0] ?? '') && wordsOf(span).length > 1;

const isAction = (span: string, { isCommand }: Subject['vocabulary']): boolean => {
  const own = ownCommand(span);
  return own === null ? isCall(span) || isShellCommand(span) : isCommand(own);
};

const checkRow = (
  { symptom, diagnostics, actions }: Row,
  { file, subject, report }: { readonly file: string; readonly subject: Subject; readonly report: Report },
): void => {
  const isThere = codeSpans(diagnostics).length > 0;
  report('runbook-diagnostic', { file, field: symptom, got: diagnostics || 'nothing', expected: 'a metric, call or command in backticks' }, !isThere);
  const acts = codeSpans(actions).some((span) => ownCommand(span) !== null || isAction(span, subject.vocabulary));
  report('runbook-action', { file, field: symptom, got: actions || 'nothing', expected: 'a command in backticks' }, !acts);
};

/** Signals and drift rules are what the pager may name: each has its row. */
const checkCovers = (rows: readonly Row[], { bundle: { manifest } }: Subject, report: Report): void => {
  const named = [...manifest.signals.map((signal) => signal.name), ...manifest.monitoring.drift.map(({ field }) => field)];
  for (const name of named) {
    const covered = rows.some(({ symptom }) => symptom.includes(name));
    report('runbook-covers', { file: manifest.runbook.file, field: name, got: 'no symptom that names it', expected: 'a row' }, !covered);
  }
};

/** A runbook that works at three in the morning: each symptom has something to look at and a command that can be pasted. */
export const checkRunbook: RuleGroup = async (subject, report) => {
  const { file } = subject.bundle.manifest.runbook;
  const source = await subject.text(file);
  const rows = rowsOf(source ?? '');
  const got = source === null ? 'no such file' : 'no table of symptoms';
  if (source === null || rows.length === 0)
    return report('runbook-there', { file, field: '(whole file)', got, expected: 'a table: symptom, diagnostics, actions' });
  for (const row of rows) checkRow(row, { file, subject, report });
  for (const span of codeSpans(source)) {
    const own = ownCommand(span);
    report(
      'runbook-command',
      { file, field: span, got: 'no such command', expected: 'a command of handoff' },
      own !== null && !subject.vocabulary.isCommand(own),
    );
  }
  checkCovers(rows, subject, report);
};
