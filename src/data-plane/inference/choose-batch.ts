/** How long one run of so many rows took, milliseconds: the median of a few. */
export interface RunCost {
  readonly rows: number;
  readonly ms: number;
}

/** A run in the gateway's own process blocks its loop, so none may take longer. */
export const maxInlineMs = 2;
/** A larger batch must cost less a row than this share of the smaller one's, or it only adds delay. */
const worthwhileShare = 0.9;

export interface BatchChoice {
  readonly maxBatchRows: number;
  /** Cheap enough at that size to run in the gateway's process. */
  readonly cheap: boolean;
}

/**
 * The batch size that the measured cost speaks for: larger while rows get cheaper, and within `maxInlineMs` if one row is.
 * Trees gain from batching; an image model on a CPU gains nothing.
 *
 * @param costs ascending by rows, at least one entry
 */
export const chooseBatch = (costs: readonly RunCost[]): BatchChoice => {
  const [first] = costs;
  if (first === undefined) return { maxBatchRows: 1, cheap: false };
  const cheap = first.ms <= maxInlineMs;
  let best = first;
  for (const cost of costs) {
    const gains = cost.ms / cost.rows < (best.ms / best.rows) * worthwhileShare;
    if (gains && (!cheap || cost.ms <= maxInlineMs)) best = cost;
  }
  return { maxBatchRows: best.rows, cheap };
};
