import { type DeclaredOutcome, declaredOutcomes } from '../bundle/declared-outcomes.ts';
import { acceptanceOf, type Standing } from '../control-plane/standing.ts';
import type { JudgeContext } from '../data-plane/outcomes/judge-outcome.ts';
import type { ModelRegistry, ServingModel } from '../data-plane/registry.ts';
import { ProblemError } from '../problem.ts';

interface DeclareDeps {
  readonly standings: ReadonlyMap<string, Standing>;
  readonly registry: ModelRegistry;
  /** Whether the first look at the folders is over. */
  readonly isComplete: () => boolean;
}

/** Those of the version that answered, then those that other versions of the model add. */
const ofBundles = (model: ServingModel | undefined, version: string | null): ReadonlyMap<string, DeclaredOutcome> => {
  const versions = [...(model?.versions.values() ?? [])].sort(
    (left, right) => Number(right.bundle.version === version) - Number(left.bundle.version === version),
  );
  const found = new Map<string, DeclaredOutcome>();
  for (const { bundle } of versions) for (const [name, declared] of declaredOutcomes(bundle.acceptance)) if (!found.has(name)) found.set(name, declared);
  return found;
};

/**
 * Which outcomes may be posted for a request: a rollout goes by the acceptance with which it began, anything else by the
 * bundles that serve. Until those are loaded nobody is told that an outcome is unknown.
 */
export const declareOutcomes =
  ({ standings, registry, isComplete }: DeclareDeps): JudgeContext['declaredOf'] =>
  ({ model, rollout, version }) => {
    const standing = standings.get(model);
    const record = standing?.record ?? null;
    if (record !== null && record.rollout === rollout) return declaredOutcomes(acceptanceOf(record));
    if (!isComplete()) throw new ProblemError('model-not-ready', 'The models are being loaded.');
    const serving = registry.get(model);
    return standing === undefined && serving === undefined ? null : ofBundles(serving, version);
  };
