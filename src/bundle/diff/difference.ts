import type { Field } from '../contract.ts';
import type { Datatype } from '../datatype.ts';

/** Whose view a difference is seen from: who sends inputs wants them accepted, who reads outputs wants no surprise. */
export type Side = 'input' | 'output';

/** `additive` and `compatible` harm no client of the older version; `breaking` does. */
export type Verdict = 'compatible' | 'additive' | 'breaking';

/**
 * How the values that a field allows have changed. `wider`: more of them; `narrower`: fewer; `different`: some went and some
 * came, or nobody can tell; `meaning`: the same value now says something else; `note`: the values are the same.
 */
export type Relation = 'wider' | 'narrower' | 'different' | 'meaning' | 'note';

/** One difference between a field and what it was. */
export interface Difference {
  readonly relation: Relation;
  /** In words, with both values. */
  readonly reason: string;
}

/** A field as the rules compare it. */
export interface ComparedField extends Field {
  readonly side: Side;
  /** The graph's tensor that it is in; null for a field that is in none. */
  readonly tensor: string | null;
  readonly datatype: Datatype | null;
  /** Values of a list; null for a field that is none. */
  readonly listLength: number | null;
}

/** Compares one aspect of a field before and after. Empty when that aspect is the same. */
export type Rule = (before: ComparedField, after: ComparedField) => readonly Difference[];

const verdicts: Readonly<Record<Side, Readonly<Record<Relation, Verdict>>>> = {
  input: { wider: 'additive', narrower: 'breaking', different: 'breaking', meaning: 'breaking', note: 'compatible' },
  output: { wider: 'breaking', narrower: 'compatible', different: 'breaking', meaning: 'breaking', note: 'compatible' },
};

/** What a relation means to those on one side. */
export const verdictOf = (side: Side, relation: Relation): Verdict => verdicts[side][relation];

/** The relation of two sets by whether something was taken away and something was added; null when they are the same. */
export const relationOfSets = ({ taken, added }: { readonly taken: boolean; readonly added: boolean }): 'wider' | 'narrower' | 'different' | null => {
  if (taken && added) return 'different';
  if (taken) return 'narrower';
  return added ? 'wider' : null;
};

/** A difference, unless the relation is none. */
export const differenceOf = (relation: Relation | null, reason: string): readonly Difference[] => (relation === null ? [] : [{ relation, reason }]);
