import type { PredictionIds } from '../data-plane/observe/prediction-id.ts';
import { ProblemError } from '../problem.ts';
import type { ServedBundle, ServedBundles } from '../store/rollout-store.ts';

interface ExplainDeps {
  readonly predictionIds: Pick<PredictionIds, 'verify'>;
  readonly servedBundles: ServedBundles;
}

/** The newest bundle that was there at a time; with a clock that was set back meanwhile, the oldest that is known. */
const servedAt = (history: readonly ServedBundle[], atMs: number): ServedBundle | undefined =>
  history.findLast(({ servedFromMs }) => servedFromMs <= atMs) ?? history[0];

const isData = (name: string): boolean => name.startsWith('evaluation/') || name.startsWith('data/') || /\.(csv|jsonl|parquet|arrow)$/.test(name);

/** What a bundle was made from, by the files that it came with. */
const originOf = (files: ServedBundle['files']) => ({
  training: files.filter(({ name }) => name.startsWith('training/') && !isData(name)),
  data: files.filter(({ name }) => isData(name)),
});

/** A bundle that served, as the admin port shows it: also one that is no longer there. */
export const servedAnswer = ({ digest, contractId, contractVersion, files, keyHint, servedFromMs }: ServedBundle) => ({
  digest,
  served_from: new Date(servedFromMs).toISOString(),
  contract: { id: contractId, version: contractVersion },
  model_digest: files.find(({ name }) => name === 'model.onnx')?.sha256 ?? null,
  key_hint: keyHint,
  ...originOf(files),
});

/**
 * Makes the explanation of a prediction id: what it says, and the bundle that answered.
 *
 * @throws ProblemError not-found for an id that this gateway's key did not make
 */
export const createExplainPrediction =
  ({ predictionIds, servedBundles }: ExplainDeps) =>
  async (id: string) => {
    const claims = predictionIds.verify(id);
    if (claims === null) throw new ProblemError('not-found', 'No prediction of this gateway has this id.');
    const { model, version, rollout, arm, evidence, epoch, probability, assignedAtMs } = claims;
    const bundle = servedAt(await servedBundles.history({ model, version }), assignedAtMs);
    return {
      prediction: { model, version, rollout, arm, evidence, epoch, probability, predicted_at: new Date(assignedAtMs).toISOString() },
      models: bundle === undefined ? [] : [{ model, version, ...servedAnswer(bundle) }],
    };
  };
