import type { Acceptance, Criterion } from './acceptance.ts';

/** An outcome that a bundle's acceptance criteria speak of. */
export interface DeclaredOutcome {
  readonly name: string;
  /** A rate takes 0 and 1, a mean any number between. */
  readonly kind: 'rate' | 'mean';
  /** How long after its request it may be observed, milliseconds. */
  readonly windowMs: number;
  /** Its margin is relative: an outcome that names only a routing key can then be evidence too, by the key's first event. */
  readonly relativeMargin: boolean;
}

const declaredBy = ({ metric, margin }: Criterion): DeclaredOutcome | null => {
  if (metric.kind !== 'outcomeRate' && metric.kind !== 'outcomeMean') return null;
  return {
    name: metric.outcome,
    kind: metric.kind === 'outcomeRate' ? 'rate' : 'mean',
    windowMs: metric.window,
    relativeMargin: margin !== undefined && 'relative' in margin,
  };
};

/** The outcomes that may be posted for a rollout with these criteria, by name. */
export const declaredOutcomes = ({ criteria }: Acceptance): ReadonlyMap<string, DeclaredOutcome> =>
  new Map(
    criteria.flatMap((criterion) => {
      const declared = declaredBy(criterion);
      return declared === null ? [] : [[declared.name, declared] as const];
    }),
  );
