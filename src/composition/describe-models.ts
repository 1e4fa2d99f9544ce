import type { BundleLibrary, BundleReport } from '../data-plane/bundle-library.ts';
import type { ServingVersion } from '../data-plane/inference/serving-version.ts';
import type { ModelRegistry, ServingModel } from '../data-plane/registry.ts';
import { ProblemError } from '../problem.ts';
import type { ServedBundles } from '../store/rollout-store.ts';
import { servedAnswer } from './explain-prediction.ts';

interface DescribeDeps {
  readonly servedBundles: Pick<ServedBundles, 'history'>;
  readonly library: BundleLibrary;
  readonly registry: ModelRegistry;
}

const roleOf = (model: ServingModel | undefined, version: ServingVersion | undefined): 'baseline' | 'candidate' | 'none' => {
  if (version === undefined) return 'none';
  if (version === model?.baseline) return 'baseline';
  return version === model?.candidate ? 'candidate' : 'none';
};

const summaryOf = (report: BundleReport, model: ServingModel | undefined) => {
  const serving = model?.versions.get(report.version);
  return {
    model: report.model,
    version: report.version,
    digest: report.digest,
    serving: serving !== undefined,
    role: roleOf(model, serving),
    placement: serving?.placement() ?? null,
    golden: { passed: report.golden.filter(({ ok }) => ok).length, total: report.golden.length },
    // What nobody vouches for may serve all the same: why it is untrusted is then no fault of the bundle.
    trust: report.trust,
    faults: report.faults,
  };
};

const detailsOf = (report: BundleReport, model: ServingModel | undefined) => {
  const serving = model?.versions.get(report.version);
  if (serving === undefined) return summaryOf(report, model);
  const { manifest, contract } = serving.bundle;
  return {
    ...summaryOf(report, model),
    purpose: manifest.purpose,
    owners: manifest.owners,
    budgets: manifest.budgets,
    contract: {
      id: contract.id,
      version: contract.version,
      inputs: contract.inputs,
      outputs: contract.outputs,
      pass_through: contract.passThrough,
      derived: contract.derived,
    },
    artifacts: manifest.artifacts,
    golden_cases: report.golden.map(({ file, ok }) => ({ file, ok })),
    max_batch_rows: serving.maxBatchRows,
    run_costs: serving.costs,
    worker_pid: serving.workerPid(),
    breaker_open: serving.breakerIsOpen(),
  };
};

/** The bundles as the admin port shows them: what serves and what was refused, in the same words. */
export const describeModels = ({ library, registry, servedBundles }: DescribeDeps) => ({
  list: () => library.reports().map((report) => summaryOf(report, registry.get(report.model))),
  /** Also a version that is not there any more, as it was last. */
  get: async (model: string, version: string) => {
    const ofModel = library.reports().filter((report) => report.model === model);
    const report = ofModel.find((entry) => entry.version === version);
    const history = (await servedBundles.history({ model, version })).map(servedAnswer);
    if (report !== undefined) return { ...detailsOf(report, registry.get(model)), history };
    const last = history.at(-1);
    if (last !== undefined)
      return { model, version, digest: last.digest, serving: false, role: 'none', placement: null, worker_pid: null, contract: last.contract, history };
    if (ofModel.length === 0) throw new ProblemError('model-not-found', `No model ${JSON.stringify(model)} is there.`);
    throw new ProblemError('version-not-found', `Model ${model} has no version ${JSON.stringify(version)}.`);
  },
});
