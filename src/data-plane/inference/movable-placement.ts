import type { Placement } from './placement.ts';

/** A placement that is exchanged under load: runs under way end where they began, new ones go to the new place. */
export interface MovablePlacement {
  readonly current: () => Placement;
  /** Rejects, with everything as it was, when the new place cannot be made. After `close` it does nothing. */
  readonly move: (kind: MovableKind) => Promise<void>;
  /** Waits for runs under way, calls off a move, then frees everything. Idempotent. */
  readonly close: () => Promise<void>;
}

/** Another server's version stays there. */
type MovableKind = Exclude<Placement['kind'], 'remote'>;

/** How each place is made, ready to run; it is called off by the signal. */
export type MakePlacement = Readonly<Record<MovableKind, (signal: AbortSignal) => Promise<Placement>>>;

export const createMovablePlacement = (first: Placement, make: MakePlacement): MovablePlacement => {
  let current = first;
  let last: Promise<void> = Promise.resolve();
  let closed: Promise<void> | null = null;
  const closing = new AbortController();

  /** One after the other: of two moves at once the one that was asked for last decides, and none outlives the close. */
  const inTurn = (task: () => Promise<void>): Promise<void> => {
    const result = last.then(task);
    last = result.catch(() => undefined);
    return result;
  };

  const move = async (kind: MovableKind): Promise<void> => {
    if (closed !== null || kind === current.kind) return;
    const previous = current;
    try {
      current = await make[kind](closing.signal);
    } catch (error) {
      if (closing.signal.aborted) return;
      throw error;
    }
    await previous.close();
  };

  return {
    current: () => current,
    move: (kind) => inTurn(() => move(kind)),
    close: () => {
      closing.abort();
      closed ??= inTurn(() => current.close());
      return closed;
    },
  };
};
