import { type Field, type ModelContract, type TensorSpec, widthOf } from '../contract.ts';
import { type Datatype, datatypeLimits } from '../datatype.ts';
import { type Comparable, compareInterface, type InterfaceDifference } from './compare-interface.ts';
import { type ComparedField, type Difference, type Rule, type Side, type Verdict, verdictOf } from './difference.ts';
import { migratedField } from './migrate-field.ts';
import { acceptedUnits } from './rules/accepted-units.ts';
import { classification } from './rules/classification.ts';
import { domain } from './rules/domain.ts';
import { impute } from './rules/impute.ts';
import { kind } from './rules/kind.ts';
import { length } from './rules/length.ts';
import { listLength } from './rules/list-length.ts';
import { multipleOf } from './rules/multiple-of.ts';
import { nulls } from './rules/nulls.ts';
import { outputTensor } from './rules/output-tensor.ts';
import { pattern } from './rules/pattern.ts';
import { range } from './rules/range.ts';
import { timePart } from './rules/time-part.ts';
import { uniqueItems } from './rules/unique-items.ts';
import { unit } from './rules/unit.ts';

/** One change of a field, judged. */
export interface FieldChange {
  readonly rule: string;
  readonly verdict: Verdict;
  readonly reason: string;
  /** Whether a plan with `eligibility: partial` takes the harm away: the requests that it hits are then answered by the baseline. Only inputs can. */
  readonly partialHelps: boolean;
}

/** What became of one field from one version to the other. */
export interface FieldDiff {
  readonly side: Side;
  readonly field: string;
  /** The older version's field that a declared migration makes it from; null when it has the same name, or there was none. */
  readonly from: string | null;
  readonly verdict: Verdict;
  readonly changes: readonly FieldChange[];
}

const rules: Readonly<Record<string, Rule>> = {
  kind,
  nulls,
  range,
  multipleOf,
  length,
  pattern,
  domain,
  unit,
  acceptedUnits,
  timePart,
  listLength,
  uniqueItems,
  outputTensor,
  impute,
  classification,
};

type Limits = Readonly<Record<Datatype, readonly [number, number]>>;

const unlimited = [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY] as const;

/** What a number must be to enter a tensor; a wider bound of the contract is not in force. A whole one beyond 2^53 enters none, so 64 bits limit nothing but the sign. */
const numberLimits: Limits = { ...datatypeLimits, INT64: unlimited, UINT64: [0, Number.POSITIVE_INFINITY], FP64: unlimited, BYTES: unlimited };

/** A list that is sent as a tensor has whole numbers of all 64 bits. */
const itemLimits: Limits = { ...numberLimits, INT64: [-(2 ** 63), 2 ** 63], UINT64: [0, 2 ** 64] };

const limitsOf: Partial<Readonly<Record<Field['kind'], Limits>>> = { number: numberLimits, integer: numberLimits, array: itemLimits };

const tensorBounds = (side: Side, { kind: fieldKind, minimum, maximum }: Field, datatype: Datatype) => {
  const limits = side === 'input' ? limitsOf[fieldKind]?.[datatype] : undefined;
  if (limits === undefined) return {};
  return { minimum: Math.max(minimum ?? limits[0], limits[0]), maximum: Math.min(maximum ?? limits[1], limits[1]) };
};

const ofTensor = (side: Side, tensor: TensorSpec): readonly ComparedField[] => {
  const { datatype, fields } = tensor;
  const width = widthOf(tensor);
  return fields.map((field) => ({
    ...field,
    ...tensorBounds(side, field, datatype),
    side,
    tensor: tensor.name,
    datatype,
    listLength: field.kind === 'array' ? width : null,
  }));
};

const plain = (side: Side, fields: readonly Field[]): readonly ComparedField[] =>
  fields.map((field) => ({ ...field, side, tensor: null, datatype: null, listLength: null }));

const inputsOf = (contract: ModelContract): readonly ComparedField[] => [
  ...contract.inputs.flatMap((tensor) => ofTensor('input', tensor)),
  ...plain('input', contract.passThrough),
];
const outputsOf = (contract: ModelContract): readonly ComparedField[] => [
  ...contract.outputs.flatMap((tensor) => ofTensor('output', tensor)),
  ...plain('output', [...contract.derived, ...contract.passThrough]),
];

const judged = (side: Side, rule: string, { relation, reason }: Difference): FieldChange => {
  const verdict = verdictOf(side, relation);
  return { rule, verdict, reason, partialHelps: verdict === 'breaking' && side === 'input' && relation !== 'meaning' };
};

const worstOf = (changes: readonly FieldChange[]): Verdict =>
  (['breaking', 'additive'] as const).find((verdict) => changes.some((change) => change.verdict === verdict)) ?? 'compatible';

const diffOf = (
  side: Side,
  field: string,
  { from = null, changes }: { readonly from?: string | null; readonly changes: readonly FieldChange[] },
): FieldDiff => ({
  side,
  field,
  from,
  verdict: worstOf(changes),
  changes,
});

const compared = (before: ComparedField, after: ComparedField): readonly FieldChange[] =>
  Object.entries(rules).flatMap(([name, rule]) => rule(before, after).map((difference) => judged(after.side, name, difference)));

const added = (reason: string, verdict: Verdict): FieldChange => ({ rule: 'added', verdict, reason, partialHelps: verdict === 'breaking' });

const addedInput = (after: ComparedField, standIn: unknown): FieldChange => {
  if (standIn !== undefined) return added(`is new; ${JSON.stringify(standIn)} stands in where a request lacks it`, 'additive');
  return after.required ? added('is new and required: requests for the older version lack it', 'breaking') : added('is new and may be absent', 'additive');
};

const inputDiffs = (before: Comparable, after: Comparable): readonly FieldDiff[] => {
  const was = new Map(inputsOf(before.contract).map((field) => [field.name, field]));
  const migrations = new Map(after.manifest.migration.map((entry) => [entry.field, entry]));
  const used = new Set<string>();
  const kept = inputsOf(after.contract).map((field) => {
    const entry = migrations.get(field.name);
    const source = was.get(field.name) ?? was.get(entry?.from ?? '');
    if (source === undefined) return diffOf('input', field.name, { changes: [addedInput(field, entry?.default)] });
    used.add(source.name);
    const from = source.name === field.name ? null : source.name;
    const renamed: readonly FieldChange[] =
      from === null ? [] : [{ rule: 'migration', verdict: 'compatible', reason: `is had from ${from}`, partialHelps: false }];
    return diffOf('input', field.name, { from, changes: [...renamed, ...compared(migratedField(source, entry, field), field)] });
  });
  const dropped: FieldChange = { rule: 'removed', verdict: 'compatible', reason: 'is not read any more', partialHelps: false };
  const gone = [...was.keys()].filter((name) => !used.has(name)).map((name) => diffOf('input', name, { changes: [dropped] }));
  return [...kept, ...gone];
};

const outputDiffs = (before: Comparable, after: Comparable): readonly FieldDiff[] => {
  const was = new Map(outputsOf(before.contract).map((field) => [field.name, field]));
  const is = outputsOf(after.contract);
  const kept = is.map((field) => {
    const source = was.get(field.name);
    return diffOf('output', field.name, { changes: source === undefined ? [added('is new: clients may pass it over', 'additive')] : compared(source, field) });
  });
  const names = new Set(is.map(({ name }) => name));
  const lost: FieldChange = { rule: 'removed', verdict: 'breaking', reason: 'is gone: clients that read it find nothing', partialHelps: false };
  const gone = [...was.keys()].filter((name) => !names.has(name)).map((name) => diffOf('output', name, { changes: [lost] }));
  return [...kept, ...gone];
};

/** Adds what the manifests say to what the contracts say; what is of no field of a contract gets an entry of its own. */
const withInterface = (diffs: readonly FieldDiff[], found: readonly InterfaceDifference[]): readonly FieldDiff[] => {
  const isOf = (diff: FieldDiff) => (entry: InterfaceDifference) => entry.side === diff.side && entry.field === diff.field;
  const extended = diffs.map((diff) => {
    const more = found.filter(isOf(diff)).map(({ side, rule, difference }) => judged(side, rule, difference));
    return diffOf(diff.side, diff.field, { from: diff.from, changes: [...diff.changes, ...more] });
  });
  const others = found.filter((entry) => !diffs.some((diff) => isOf(diff)(entry)));
  return [...extended, ...others.map(({ side, field, rule, difference }) => diffOf(side, field, { changes: [judged(side, rule, difference)] }))];
};

/**
 * Compares what the clients of two versions can tell, field by field. Inputs are judged for those who send requests that the
 * older version takes, after the migrations that the newer one declares; outputs for those who read answers of the older one.
 */
export const diffContracts = (before: Comparable, after: Comparable): readonly FieldDiff[] =>
  withInterface([...inputDiffs(before, after), ...outputDiffs(before, after)], compareInterface(before, after));
