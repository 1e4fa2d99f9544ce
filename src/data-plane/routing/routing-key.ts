import { ProblemError, pointerToken } from '../../problem.ts';
import type { CohortRule, RoutingKeyRule } from '../../store/traffic-assignment.ts';

type Row = Readonly<Record<string, unknown>>;
type Header = (name: string) => string | undefined;

/** Where a key is looked for, beside the rows. */
interface KeySources {
  readonly header: Header;
  readonly routingKey?: string | null;
}

/** A key longer than this is cut off by no one and refused: it names no person or query. */
const maxKeyLength = 256;

const asText = (value: unknown): string | null => (typeof value === 'string' || typeof value === 'number' || typeof value === 'bigint' ? String(value) : null);

/**
 * The routing key of a request: a header, or a field that all of its rows share (one request is one assignment); without
 * either, the key that the request names itself.
 *
 * @returns null when the rollout has no rule or the request carries no key: an independent draw then decides
 * @throws ProblemError contract-violation when rows disagree on the field
 */
export const routingKeyOf = (rule: RoutingKeyRule | null, rows: readonly Row[], { header, routingKey = null }: KeySources): string | null => {
  if (rule === null) return null;
  const key = ('header' in rule ? header(rule.header) : fieldOf(rule.field, rows)) || routingKey;
  if (key === null || key === '') return null;
  if (key.length > maxKeyLength) {
    throw new ProblemError('malformed-request', `The routing key has ${key.length} characters, at most ${maxKeyLength} are expected.`);
  }
  return key;
};

const fieldOf = (field: string, rows: readonly Row[]): string | null => {
  const key = asText(rows[0]?.[field]);
  const other = rows.findIndex((row) => asText(row[field]) !== key);
  if (other !== -1) {
    const violation = {
      pointer: `#/inputs/${other}/${pointerToken(field)}`,
      detail: 'differs from the first row',
      got: 'another value',
      expected: `the same ${field} in every row, since it is the routing key`,
    };
    throw new ProblemError('contract-violation', `All rows of a request must have the same ${field}.`, { errors: [violation] });
  }
  return key;
};

/** Whether a request belongs to a cohort that always gets the candidate. */
export const isMatched = (rules: readonly CohortRule[], header: Header): boolean => rules.some((rule) => header(rule.header) === rule.equals);
