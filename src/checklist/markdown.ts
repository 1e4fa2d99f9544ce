import { marked, type Token, type Tokens } from 'marked';

/** A table of a Markdown text: the source of its head's cells and of its rows' cells. */
export interface MarkdownTable {
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

const isTable = (token: Token): token is Tokens.Table => token.type === 'table';

/** All tables of a text. */
export const tablesOf = (text: string): readonly MarkdownTable[] =>
  marked
    .lexer(text)
    .filter(isTable)
    .map(({ header, rows }) => ({ head: header.map((cell) => cell.text), rows: rows.map((row) => row.map((cell) => cell.text)) }));

/** What stands in backticks on a line. */
export const codeSpans = (text: string): readonly string[] => {
  const spans: string[] = [];
  void marked.walkTokens(marked.lexer(text), (token) => {
    if (token.type === 'codespan') spans.push(token.text);
  });
  return spans;
};

/** A fenced block; `language` is empty when it names none. */
export interface CodeBlock {
  readonly language: string;
  readonly code: string;
}

/** All fenced blocks of a text. */
export const codeBlocks = (text: string): readonly CodeBlock[] =>
  marked.lexer(text).flatMap((token) => (token.type === 'code' ? [{ language: String(token.lang ?? ''), code: String(token.text) }] : []));

/** The sections of a text by heading; a section goes on to the next heading of its depth or above, so it holds its sub-sections. */
export const sectionsOf = (text: string): ReadonlyMap<string, string> => {
  const tokens = marked.lexer(text);
  return new Map(
    tokens.flatMap((token, start) => {
      if (token.type !== 'heading') return [];
      const end = tokens.findIndex((later, index) => index > start && later.type === 'heading' && later.depth <= token.depth);
      const body = tokens.slice(start + 1, end === -1 ? undefined : end).map(({ raw }) => raw);
      return [[String(token.text), body.join('').trim()] as const];
    }),
  );
};
