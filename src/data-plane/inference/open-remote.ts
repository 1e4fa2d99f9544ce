import { randomUUID } from 'node:crypto';
import type { ModelContract } from '../../bundle/contract.ts';
import type { Manifest, RemotePlacement } from '../../bundle/manifest.ts';
import type { Placement } from './placement.ts';

/** A server that starts together with the gateway is there by then; one that is down must not hold the other models up. */
const maxWaitMs = 10_000;

export interface OpenRemoteDeps {
  readonly remote: RemotePlacement;
  readonly manifest: Manifest;
  readonly contract: ModelContract;
  readonly maxRunMs: () => number;
  readonly monotonicMs: () => number;
}

/** The placement of a bundle that names a server; an answer may be as large as the memory that the bundle declares. @throws InferenceFailure */
export const openRemote = async ({ manifest, ...deps }: OpenRemoteDeps): Promise<Placement> => {
  // Loaded on first use: its HTTP client takes longer to load than a tabular model to prove.
  const { createRemotePlacement } = await import('./remote-placement.ts');
  return createRemotePlacement({ ...deps, maxLoadMs: maxWaitMs, maxResponseBytes: manifest.budgets.memoryMiB * 2 ** 20, newId: randomUUID });
};
