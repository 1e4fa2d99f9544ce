/** Writes that are asked for while another is under way, as one: a transaction for all of them and not a sync for each. */
export type GroupCommit<Row, Result> = (rows: readonly Row[]) => Promise<readonly Result[]>;

interface Waiting<Row, Result> {
  readonly rows: readonly Row[];
  readonly resolve: (results: readonly Result[]) => void;
  readonly reject: (error: unknown) => void;
}

/** Most rows of one write, unless a single call has more: whoever asks for something else meanwhile waits for its end. */
const maxRows = 5_000;

/**
 * Groups calls into writes. One write is under way at a time; each call gets the results of its own rows, or the failure of the write.
 *
 * @param write gives one result a row, in their order
 */
export const createGroupCommit = <Row, Result>(write: (rows: readonly Row[]) => Promise<readonly Result[]>): GroupCommit<Row, Result> => {
  let waiting: Waiting<Row, Result>[] = [];
  let underWay = false;

  const takeGroup = (): readonly Waiting<Row, Result>[] => {
    let rows = 0;
    const end = waiting.findIndex((call, index) => {
      rows += call.rows.length;
      return index > 0 && rows > maxRows;
    });
    const group = waiting.slice(0, end === -1 ? waiting.length : end);
    waiting = waiting.slice(group.length);
    return group;
  };

  const writeGroup = async (group: readonly Waiting<Row, Result>[]): Promise<void> => {
    try {
      const results = await write(group.flatMap(({ rows }) => rows));
      let from = 0;
      for (const { rows, resolve } of group) {
        resolve(results.slice(from, from + rows.length));
        from += rows.length;
      }
    } catch (error) {
      for (const { reject } of group) reject(error);
    }
  };

  const run = async (): Promise<void> => {
    underWay = true;
    while (waiting.length > 0) await writeGroup(takeGroup());
    underWay = false;
  };

  return (rows) =>
    new Promise((resolve, reject) => {
      waiting.push({ rows, resolve, reject });
      if (!underWay) void run();
    });
};
