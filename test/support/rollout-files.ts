import { planSchema } from '../../src/control-plane/plan.ts';
import type { Found } from '../../src/control-plane/reconcile-bundles.ts';
import type { PlanFile } from '../../src/control-plane/settle-plan.ts';

/** A plan file of `card-fraud`, 1.4.0 to 2.0.0, with changes to the plan. */
export const planFile = (changes: Record<string, unknown> = {}, file = 'rollout/card-fraud.yaml'): PlanFile => {
  const source = {
    apiVersion: 'handoff/v1',
    kind: 'Rollout',
    model: 'card-fraud',
    baseline: '1.4.0',
    candidate: '2.0.0',
    steps: [{ setWeight: 10 }],
    ...changes,
  };
  return { file, plan: planSchema.parse(source), digest: `digest of ${JSON.stringify(source)}` };
};

/** Versions of `card-fraud` that serve, with the given plans. */
export const found = (versions: readonly string[], plans: readonly PlanFile[] = [planFile()]): Found => ({
  versions: versions.map((version) => ({ model: 'card-fraud', version, digest: `digest of ${version}` })),
  plans,
});
