/** Lets one of many alike through each second, and says how many were held back before it. */
export type OnceASecond = (kind: string, act: (heldBack: number) => void) => void;

const periodMs = 1_000;

/** For log lines of what can happen thousands of times a second. `kind` comes from few values. */
export const createOnceASecond = (monotonicMs: () => number): OnceASecond => {
  const kinds = new Map<string, { readonly lastMs: number; heldBack: number }>();
  return (kind, act) => {
    const nowMs = monotonicMs();
    const known = kinds.get(kind);
    if (known !== undefined && nowMs - known.lastMs < periodMs) {
      known.heldBack += 1;
      return;
    }
    kinds.set(kind, { lastMs: nowMs, heldBack: 0 });
    act(known?.heldBack ?? 0);
  };
};
