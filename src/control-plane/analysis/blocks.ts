/** The 0-based block of an assigned second. */
export const blockOf = (second: number, blockSeconds: number): number => Math.floor(second / blockSeconds);

/** What decides whether a block is closed for good. Seconds of the monotonic clock. */
export interface BlockStanding {
  readonly block: number;
  readonly blockSeconds: number;
  /** Every replica has sent all requests assigned up to here. */
  readonly watermarkSecond: number;
  readonly nowSecond: number;
  /** The longest that a request may take. */
  readonly deadlineSeconds: number;
  readonly pending: number;
}

/** Whether a block may be folded: its last second is complete and nothing in it is pending, or everything in it is past the deadline. */
export const isSealed = ({ block, blockSeconds, watermarkSecond, nowSecond, deadlineSeconds, pending }: BlockStanding): boolean => {
  const lastSecond = (block + 1) * blockSeconds - 1;
  if (watermarkSecond < lastSecond) return false;
  return pending === 0 || nowSecond - lastSecond > deadlineSeconds;
};
