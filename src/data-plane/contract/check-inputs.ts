import { countCharacters } from '../../bundle/contract.ts';
import { maxViolations, pointerToken, type Violation } from '../../problem.ts';
import { type CompiledContract, type Row, valueIn } from './compile-contract.ts';
import type { CompiledField } from './compile-field.ts';

/** The contracts that one request is held against. */
export interface ContractPair {
  readonly baseline: CompiledContract;
  /** The candidate's, while a rollout is on. */
  readonly candidate: CompiledContract | null;
  /** Every field that some loaded version of the model declares: anything else is unknown. */
  readonly known: ReadonlySet<string>;
}

const rules = ['unknown', 'missing', 'value', 'row'] as const;
type Rule = (typeof rules)[number];

/** How often a feature broke a rule, for the metric: both are from closed lists. */
export interface BrokenRule {
  readonly feature: string;
  readonly rule: Rule;
  readonly count: number;
}

/** Rows that may be answered, and whether both versions can answer them; or everything that is wrong. */
export type ContractCheck =
  | { readonly ok: true; readonly rows: readonly Row[]; readonly eligible: boolean }
  | { readonly ok: false; readonly violations: readonly Violation[]; readonly total: number; readonly broken: readonly BrokenRule[] };

const isRow = (value: unknown): value is Row => typeof value === 'object' && value !== null && !Array.isArray(value);

const hasOnly = (row: Row, known: ReadonlySet<string>): boolean => {
  for (const name in row) if (!known.has(name)) return false;
  return true;
};

/**
 * Holds the rows of one request against the baseline's contract, and the candidate's for eligibility. A request that
 * breaks the baseline's contract is refused with every violation at once.
 */
export const checkInputs = (inputs: readonly unknown[], contracts: ContractPair): ContractCheck => {
  let eligible = contracts.candidate !== null;
  for (const input of inputs) {
    if (!isRow(input) || !hasOnly(input, contracts.known) || !contracts.baseline.holds(input)) return refuse(inputs, contracts);
    if (eligible && contracts.candidate !== null) eligible = contracts.candidate.holds(input);
  }
  return { ok: true, rows: inputs as readonly Row[], eligible };
};

const refuse = (inputs: readonly unknown[], contracts: ContractPair): ContractCheck => {
  const { add, read } = createTally();
  inputs.forEach((input, index) => {
    const pointer = `#/inputs/${index}`;
    if (isRow(input)) checkRow(input, { contracts, pointer, add });
    else add('row', 'other', () => ({ pointer, detail: 'is not a row', got: kindOf(input), expected: 'an object of named fields' }));
  });
  return { ok: false, ...read() };
};

type AddBroken = (rule: Rule, feature: string, violation: () => Violation) => void;

/** One body has room for hundreds of thousands of violations: each is counted, and described only if it is listed. */
const createTally = () => {
  const violations: Violation[] = [];
  const counts: Readonly<Record<Rule, Map<string, number>>> = { unknown: new Map(), missing: new Map(), value: new Map(), row: new Map() };
  let total = 0;
  const add: AddBroken = (rule, feature, violation) => {
    total += 1;
    counts[rule].set(feature, (counts[rule].get(feature) ?? 0) + 1);
    if (violations.length < maxViolations) violations.push(violation());
  };
  const brokenBy = (rule: Rule): readonly BrokenRule[] => [...counts[rule]].map(([feature, count]) => ({ feature, rule, count }));
  return { add, read: () => ({ violations, total, broken: rules.flatMap(brokenBy) }) };
};

interface RowCheck {
  readonly contracts: ContractPair;
  readonly pointer: string;
  readonly add: AddBroken;
}

const checkRow = (row: Row, { contracts, pointer, add }: RowCheck): void => {
  for (const name of Object.keys(row)) if (!contracts.known.has(name)) add('unknown', 'other', () => unknownField(name, pointer));
  for (const field of contracts.baseline.fields) {
    const value = valueIn(row, field);
    if (!field.holds(value)) add(value === undefined ? 'missing' : 'value', field.name, () => violationOf(field, value, pointer));
  }
};

const unknownField = (name: string, pointer: string): Violation => ({
  pointer: `${pointer}/${pointerToken(name)}`,
  detail: 'is an unknown field',
  got: 'a field that no version declares',
  expected: 'no such field',
});

const violationOf = (field: CompiledField, value: unknown, pointer: string): Violation => ({
  pointer: `${pointer}/${pointerToken(field.name)}`,
  detail: value === undefined ? 'is missing' : value === null ? 'must not be null' : 'breaks the contract',
  got: value === undefined ? 'nothing' : (field.got?.(value) ?? kindOf(value)),
  expected: field.expected,
  ...(field.field.unit === undefined ? {} : { unit: field.field.unit }),
});

const shownLength = 60;

/** What was got, short enough for an error message. */
const kindOf = (value: unknown): string => {
  if (value === undefined) return 'nothing';
  if (typeof value === 'string') return value.length > shownLength ? `text of ${countCharacters(value)} characters` : `text ${JSON.stringify(value)}`;
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (typeof value === 'object' && value !== null) return objectInWords(value);
  return String(value);
};

/** Flat objects are shown; one with others inside is not, since it may be deeper than can be written. */
const objectInWords = (value: object): string => {
  const entries = Object.values(value);
  if (entries.length > 4 || entries.some((entry) => typeof entry === 'object' && entry !== null)) return 'an object';
  const text = JSON.stringify(value);
  return text.length > shownLength ? 'an object' : text;
};
