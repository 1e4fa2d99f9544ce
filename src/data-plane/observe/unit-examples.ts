import type { UnitExample } from '../../store/observation.ts';

/** The last requests of the candidate that had an event, by kind of event. */
export interface UnitExamples {
  /** Keeps a request; true, so that its event counts. Nothing is made for a request without one. */
  readonly keep: (event: string, ended: { readonly requestId?: string | undefined }) => true;
  /** Newest last of each kind. The caller gets a copy. */
  readonly observe: () => readonly UnitExample[];
}

/** As many as a decision names for a guard. */
const keptPerEvent = 5;

export const createUnitExamples = (): UnitExamples => {
  const kept = new Map<string, string[]>();
  return {
    keep: (event, { requestId }) => {
      if (requestId === undefined) return true;
      const ids = kept.get(event) ?? [];
      if (ids.length === 0) kept.set(event, ids);
      ids.push(requestId);
      if (ids.length > keptPerEvent) ids.shift();
      return true;
    },
    observe: () => [...kept].flatMap(([event, ids]) => ids.map((requestId) => ({ event, requestId }))),
  };
};
