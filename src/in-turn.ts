/** Runs tasks of one key one after the other, in the order of asking; tasks of different keys run side by side. A task that fails does not stop the next. */
export type InTurn = <Result>(key: string, task: () => Promise<Result>) => Promise<Result>;

/** Makes an `InTurn` with queues of its own. Keys are kept: use it for a bounded set, such as the models. */
export const createInTurn = (): InTurn => {
  const lastOf = new Map<string, Promise<unknown>>();
  return (key, task) => {
    const result = (lastOf.get(key) ?? Promise.resolve()).then(task, task);
    lastOf.set(key, result);
    return result;
  };
};
