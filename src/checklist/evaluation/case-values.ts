/** What one held-out case is worth to a metric, from its labels and the answer's rows; null rows for a case without an answer. */
import { z } from 'zod';
import { type Checked, checkDocument, faultText } from '../../bundle/fault.ts';
import type { OutputRow } from '../../data-plane/guards/compile-outputs.ts';
import { parsedJson } from '../parsed-json.ts';

type Rows = readonly OutputRow[] | null;
type Labels = readonly unknown[];

/** The score of an answer's row: its first number. */
export const scoreOf = (row: OutputRow): number => {
  for (const value of Object.values(row)) if (typeof value === 'number') return value;
  return Number.NaN;
};

const gainOf = (grade: number): number => 2 ** grade - 1;
const discounted = (grades: readonly number[], k: number): number =>
  grades.slice(0, k).reduce((sum, grade, rank) => sum + gainOf(grade) / Math.log2(rank + 2), 0);

/** NDCG@k: equal scores stay in input order, and a case without a relevant row counts 1. A case without an answer counts 0. */
export const ndcgOf = (labels: Labels, rows: Rows, k: number): number => {
  if (rows === null) return 0;
  const grades = labels.map(Number);
  const ideal = discounted(
    [...grades].sort((left, right) => right - left),
    k,
  );
  if (ideal === 0) return 1;
  const order = rows.map((row, index) => ({ score: scoreOf(row), index })).sort((left, right) => right.score - left.score || left.index - right.index);
  return (
    discounted(
      order.map(({ index }) => grades[index] ?? 0),
      k,
    ) / ideal
  );
};

/** Names of classes that count as a group's, by group. */
export type LabelGroups = ReadonlyMap<string, ReadonlySet<string>>;

/** The file of the groups, inside a bundle. */
export const groupsFile = 'evaluation/label-groups.json';

const groupsSchema = z.record(z.string(), z.array(z.string()));

/** The groups of `evaluation/label-groups.json`, or what is wrong with it. */
export const readLabelGroups = (source: string): Checked<LabelGroups> => {
  const json = parsedJson(source);
  if ('fault' in json) return { value: null, faults: [{ file: groupsFile, field: '(whole file)', got: json.fault, expected: 'JSON' }] };
  const { value, faults } = checkDocument(groupsSchema, groupsFile, json.document);
  if (value === null) return { value, faults };
  return { value: new Map(Object.entries(value).map(([name, labels]) => [name, new Set(labels)])), faults: [] };
};

/** As `readLabelGroups`. @throws Error with all faults */
export const parseLabelGroups = (source: string): LabelGroups => {
  const { value, faults } = readLabelGroups(source);
  if (value === null) throw new Error(faults.map(faultText).join('; '));
  return value;
};

/** Share of the rows whose first class is the label, or one of the label's group. */
export const accuracyOf = (labels: Labels, rows: Rows, groups: LabelGroups): number => {
  const right = (rows ?? []).filter((row, index) => {
    const label = String(labels[index]);
    const first = topLabelOf(row);
    return first === label || (first !== null && (groups.get(label)?.has(first) ?? false));
  });
  return right.length / labels.length;
};

/** The first class of an answer's row; null when it names none. */
export const topLabelOf = (row: OutputRow): string | null => {
  for (const value of Object.values(row)) {
    const first: unknown = Array.isArray(value) ? value[0] : undefined;
    if (typeof first === 'object' && first !== null && 'label' in first) return String(first.label);
  }
  return null;
};
