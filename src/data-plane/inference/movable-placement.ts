import type { Placement } from './placement.ts';

/** A placement that is exchanged under load: runs under way end where they began, new ones go to the new place. */
export interface MovablePlacement {
  readonly current: () => Placement;
  /** Rejects, with everything as it was, when the new place cannot be made. After `close` it does nothing. */
  readonly move: (kind: MovableKind) => Promise<void>;
  /** Waits for runs and moves under way, then frees everything. Idempotent. */
  readonly close: () => Promise<void>;
}

/** Another server's version stays there. */
type MovableKind = Exclude<Placement['kind'], 'remote'>;

/** How each place is made, ready to run. */
export type MakePlacement = Readonly<Record<MovableKind, () => Promise<Placement>>>;

export const createMovablePlacement = (first: Placement, make: MakePlacement): MovablePlacement => {
  let current = first;
  let last: Promise<void> = Promise.resolve();
  let closed: Promise<void> | null = null;

  /** One after the other: of two moves at once the one that was asked for last decides, and none outlives the close. */
  const inTurn = (task: () => Promise<void>): Promise<void> => {
    const result = last.then(task);
    last = result.catch(() => undefined);
    return result;
  };

  const move = async (kind: MovableKind): Promise<void> => {
    if (closed !== null || kind === current.kind) return;
    const previous = current;
    current = await make[kind]();
    await previous.close();
  };

  return {
    current: () => current,
    move: (kind) => inTurn(() => move(kind)),
    close: () => {
      closed ??= inTurn(() => current.close());
      return closed;
    },
  };
};
