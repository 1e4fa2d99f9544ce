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
  /** Cheap enough, even for the largest request, to run in the gateway's process. */
  readonly cheap: boolean;
}

/**
 * The batch size that the measured cost speaks for: larger while rows get cheaper, and within `maxInlineMs` if the largest
 * request is, which is one run however small the batches are. Trees gain from batching; an image model on a CPU gains nothing.
 *
 * @param costs ascending by rows
 * @param maxRows rows that one request may have
 */
export const chooseBatch = (costs: readonly RunCost[], maxRows: number): BatchChoice => {
  const [first] = costs;
  if (first === undefined) return { maxBatchRows: 1, cheap: false };
  const cheap = msAt(costs, maxRows) <= maxInlineMs;
  let best = first;
  for (const cost of costs) {
    const gains = cost.ms / cost.rows < (best.ms / best.rows) * worthwhileShare;
    if (gains && (!cheap || cost.ms <= maxInlineMs)) best = cost;
  }
  return { maxBatchRows: best.rows, cheap };
};

/** The cost of so many rows: between two measured sizes on the line through them, beyond the last in proportion. */
const msAt = (costs: readonly RunCost[], rows: number): number => {
  const above = costs.find((cost) => cost.rows >= rows);
  const below = costs.findLast((cost) => cost.rows <= rows);
  if (above === undefined) return ((below?.ms ?? 0) / (below?.rows ?? 1)) * rows;
  if (below === undefined || below.rows === above.rows) return above.ms;
  return below.ms + ((above.ms - below.ms) * (rows - below.rows)) / (above.rows - below.rows);
};
