/** The domain of a field: what its quality rule `invalidValues` and its option `pattern` say together. */
import { type Field, hasCharacters } from './contract.ts';
import { shown } from './fault.ts';
import type { Property, QualityRule } from './odcs.ts';

/** Reports a fault of one field: where below it, what is there and what was expected. */
export type FieldFault = (at: string, got: string, expected: string) => void;

type Values = NonNullable<Field['validValues']>;

interface PlacedRule {
  readonly at: string;
  readonly rule: QualityRule;
}

const placed = (quality: readonly QualityRule[], at: string): readonly PlacedRule[] => quality.map((rule, index) => ({ at: `${at}.${index}`, rule }));

/** Rules about each value; those of a list, and of its items, are about the items. */
const rulesOf = ({ quality, items }: Property): readonly PlacedRule[] =>
  [...placed(items?.quality ?? [], 'items.quality'), ...placed(quality, 'quality')].filter(({ rule }) => rule.metric === 'invalidValues');

/** A request is held to a rule or not: there is no share of its rows that may break one. */
const isAbsolute = ({ mustBe, mustBeLessOrEqualTo }: QualityRule): boolean => mustBe === 0 || mustBeLessOrEqualTo === 0;

const enforced = 'validValues or a pattern, which each value is held to';

const checkRule = ({ at, rule }: PlacedRule, fault: FieldFault): void => {
  const { validValues, pattern, ...others } = rule.arguments ?? {};
  if (!isAbsolute(rule)) fault(at, 'invalidValues of which some may be', 'mustBe: 0, since each value is held to it');
  if (validValues === undefined && pattern === undefined) fault(`${at}.arguments`, 'neither validValues nor a pattern', enforced);
  for (const [name, value] of Object.entries(others)) fault(`${at}.arguments.${name}`, shown(value), enforced);
};

const isPattern = (source: string): boolean => {
  try {
    new RegExp(source, 'u');
    return true;
  } catch {
    return false;
  }
};

interface Pattern {
  readonly at: string;
  readonly source: string;
}

const patternsOf = (entry: Property, rules: readonly PlacedRule[]): readonly Pattern[] => {
  const [option, at] =
    entry.logicalType === 'array'
      ? [entry.items?.logicalTypeOptions.pattern, 'items.logicalTypeOptions.pattern']
      : [entry.logicalTypeOptions.pattern, 'logicalTypeOptions.pattern'];
  const ofRules = rules.flatMap(({ at: place, rule }) => (rule.arguments?.pattern === undefined ? [] : [{ at: place, source: rule.arguments.pattern }]));
  return [...(option === undefined ? [] : [{ at, source: option }]), ...ofRules.map(({ at: place, source }) => ({ at: `${place}.arguments.pattern`, source }))];
};

/** One pattern: two that differ are one that nobody has written. */
const patternOf = (patterns: readonly Pattern[], kind: string | undefined, fault: FieldFault): string | undefined => {
  const [first] = patterns;
  for (const { at, source } of patterns) {
    if (!isPattern(source)) fault(at, source, 'a regular expression');
    if (kind !== 'string') fault(at, `a pattern for ${kind ?? 'values without a type'}`, 'a pattern for text only');
    if (first !== undefined && source !== first.source) fault(at, source, `one pattern a field; ${first.source} is there already`);
  }
  return first?.source;
};

/** What all rules allow. */
const valuesOf = (rules: readonly PlacedRule[], fault: FieldFault): Values | undefined => {
  const lists = rules.flatMap(({ rule }) => (rule.arguments?.validValues === undefined ? [] : [rule.arguments.validValues]));
  const [first, ...others] = lists;
  if (first === undefined) return undefined;
  const values = first.filter((value) => others.every((list) => list.includes(value)));
  if (values.length === 0) fault('quality', 'validValues that leave no value', 'at least one value that all of them have');
  return values;
};

/** A text of the domain that the field's other limits refuse is none of the domain; where texts are encoded, nothing else would refuse it. */
const checkTexts = (entry: Property, { validValues = [], pattern }: ContractDomain, fault: FieldFault): void => {
  const { minLength = 0, maxLength = Number.POSITIVE_INFINITY } = (entry.logicalType === 'array' ? entry.items : entry)?.logicalTypeOptions ?? {};
  const test = pattern === undefined || !isPattern(pattern) ? null : new RegExp(pattern, 'u');
  const breaks = (value: string | number): boolean => typeof value === 'string' && (!hasCharacters(value, minLength, maxLength) || test?.test(value) === false);
  for (const value of validValues.filter(breaks)) fault('quality', `the valid value ${shown(value)}`, 'one that its pattern and lengths allow');
};

export type ContractDomain = Pick<Field, 'validValues' | 'pattern'>;

/** Reads the domain of a field; every rule about single values is in it, or is a fault. */
export const contractDomain = (entry: Property, fault: FieldFault): ContractDomain => {
  const rules = rulesOf(entry);
  for (const rule of rules) checkRule(rule, fault);
  const kind = entry.logicalType === 'array' ? entry.items?.logicalType : entry.logicalType;
  const pattern = patternOf(patternsOf(entry, rules), kind, fault);
  const validValues = valuesOf(rules, fault);
  const domain = { ...(validValues === undefined ? {} : { validValues }), ...(pattern === undefined ? {} : { pattern }) };
  checkTexts(entry, domain, fault);
  return domain;
};
