/** Requests in the order of arrival, counted by their rows. */
export interface RowQueue<Item> {
  readonly add: (item: Item) => void;
  /** Takes one out wherever it stands; nothing if it is not there. */
  readonly remove: (item: Item) => void;
  /** Takes out what stands in front and fits into `maxRows` together, at least one; what `accept` rejects is dropped. */
  readonly take: (maxRows: number, accept: (item: Item) => boolean) => Item[];
  readonly rows: () => number;
  readonly isEmpty: () => boolean;
}

export const createRowQueue = <Item extends { readonly rows: readonly unknown[] }>(): RowQueue<Item> => {
  const items = new Set<Item>();
  let rows = 0;
  const remove = (item: Item): void => {
    if (items.delete(item)) rows -= item.rows.length;
  };
  return {
    add: (item) => {
      items.add(item);
      rows += item.rows.length;
    },
    remove,
    take: (maxRows, accept) => {
      const batch: Item[] = [];
      let taken = 0;
      for (const item of items) {
        if (batch.length > 0 && taken + item.rows.length > maxRows) break;
        remove(item);
        if (!accept(item)) continue;
        batch.push(item);
        taken += item.rows.length;
      }
      return batch;
    },
    rows: () => rows,
    isEmpty: () => items.size === 0,
  };
};
