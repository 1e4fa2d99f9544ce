import { isDeepStrictEqual } from 'node:util';
import type { GatewayProcess } from '../test/support/gateway.ts';
import { model } from './stage.ts';

type Row = Readonly<Record<string, unknown>>;

/** What the player has seen of the answers. */
export interface Tally {
  readonly answered: number;
  readonly candidate: number;
  readonly rescued: number;
  /** No answer, or another one than the version that signed it gives to this row. */
  readonly wrong: number;
}

/** Steady traffic on a gateway. */
export interface Player {
  readonly tally: () => Tally;
  /** No request begins any more; resolves when the last one is answered. */
  readonly stop: () => Promise<void>;
}

const everyMs = 20;
const requestsEach = 4;
/** A gateway that is behind gets no more until it has caught up. */
const mostPending = 100;

type Outputs = readonly Record<string, unknown>[] | undefined;

/** What each version answers to each row, by version and index: asked with the version pinned, which is evidence for neither arm. */
export type Expected = ReadonlyMap<string, readonly Outputs[]>;

/** Asks every version for every row, so that each later answer can be judged. */
export const learnAnswers = async (gateway: GatewayProcess, rows: readonly Row[], versions: readonly string[]): Promise<Expected> => {
  const expected = new Map<string, readonly Outputs[]>();
  for (const version of versions) {
    const answers: Outputs[] = [];
    for (const row of rows) answers.push((await gateway.infer({ model, version, inputs: [row] })).body.outputs);
    expected.set(version, answers);
  }
  return expected;
};

/** Sends rows one after the other, 200 a second, until it is stopped. */
export const play = (gateway: GatewayProcess, rows: readonly Row[], expected: Expected): Player => {
  let [answered, candidate, rescued, wrong, next] = [0, 0, 0, 0, 0];
  const pending = new Set<Promise<void>>();
  const ask = async (index: number): Promise<void> => {
    const { status, body } = await gateway.infer({ model, inputs: [rows[index]] }).catch(() => ({ status: 0, body: {} as Record<string, unknown> }));
    answered += 1;
    if (body.arm === 'candidate') candidate += 1;
    if (body.rescued === true) rescued += 1;
    if (status !== 200 || !isDeepStrictEqual(body.outputs, expected.get(String(body.version))?.[index])) wrong += 1;
  };
  const timer = setInterval(() => {
    for (let count = 0; count < requestsEach && pending.size < mostPending; count += 1) {
      const asked = ask(next).finally(() => pending.delete(asked));
      pending.add(asked);
      next = (next + 1) % rows.length;
    }
  }, everyMs);
  return {
    tally: () => ({ answered, candidate, rescued, wrong }),
    stop: async () => {
      clearInterval(timer);
      await Promise.all(pending);
    },
  };
};
