import type { Bundle } from '../bundle/read-bundle.ts';
import type { TrustVerdict } from '../bundle/signing/trust.ts';
import type { Clock } from '../clock.ts';
import type { ServedBundle, ServedBundles } from '../store/rollout-store.ts';
import type { Log } from '../telemetry/log.ts';

interface RecorderDeps {
  /** There as soon as the store is open: bundles may serve before. A store that cannot be opened ends the start, which tells why. */
  readonly servedBundles: Promise<ServedBundles>;
  readonly clock: Pick<Clock, 'wallMs'>;
  readonly log: Pick<Log, 'error'>;
}

const servedBundleOf = ({ model, version, digest, contract, files }: Bundle, trust: TrustVerdict, servedFromMs: number): ServedBundle => ({
  model,
  version,
  digest,
  contractId: contract.id,
  contractVersion: contract.version,
  files,
  keyHint: trust.status === 'trusted' ? trust.hint : null,
  servedFromMs,
});

/** Remembers each bundle from before its first answer on. No answer waits for it: a store that fails leaves a gap, and an error in the log. */
export const createServedRecorder = ({ servedBundles, clock, log }: RecorderDeps) => {
  const opened = servedBundles.catch(() => null);
  const record = async (bundle: ServedBundle): Promise<void> => (await opened)?.record(bundle);
  return (bundle: Bundle, trust: TrustVerdict): void => {
    record(servedBundleOf(bundle, trust, clock.wallMs())).catch((error: unknown) =>
      log.error({ model: bundle.model, version: bundle.version, digest: bundle.digest, err: error }, 'a bundle serves that could not be remembered'),
    );
  };
};
