import type { EvidenceKeeping } from '../../src/control-plane/tick.ts';

/** The keeping of an engine that measures nothing. */
export const noEvidence: EvidenceKeeping = {
  restore: () => undefined,
  toKeep: () => ({ evidence: null, blocks: [], filters: [] }),
  kept: () => undefined,
  forDecision: () => ({ sealedBlocks: 0, open: [], before: {}, inputs: {}, rules: '', findings: {} }),
  release: () => undefined,
};
