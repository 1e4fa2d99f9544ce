/** For what can happen thousands of times a second: how many alike were held back since the last that was due, or null for one that is not due. `kind` comes from few values. */
export type OnceASecond = (kind: string) => number | null;

const periodMs = 1_000;

export const createOnceASecond = (monotonicMs: () => number): OnceASecond => {
  const kinds = new Map<string, { readonly lastMs: number; heldBack: number }>();
  return (kind) => {
    const nowMs = monotonicMs();
    const known = kinds.get(kind);
    if (known !== undefined && nowMs - known.lastMs < periodMs) {
      known.heldBack += 1;
      return null;
    }
    kinds.set(kind, { lastMs: nowMs, heldBack: 0 });
    return known?.heldBack ?? 0;
  };
};
