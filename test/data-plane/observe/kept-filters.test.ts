import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createKeptFilters } from '../../../src/data-plane/observe/kept-filters.ts';
import { keyHashOf, mix32 } from '../../../src/data-plane/observe/key-hash.ts';
import type { FilterChange, KeptFilter } from '../../../src/store/observation.ts';

const key = (number: number) => ({ high: mix32(number + 77), low: mix32(number ^ 0x2545f491) });
const secret = 'of the hashes';
const size = { sizeLog2: 16, bitsPerEntry: 12 };

interface Shelved {
  readonly size: string;
  readonly chunks: ReadonlyMap<number, Uint8Array>;
  readonly entries: readonly Uint8Array[];
}

const nothing: Shelved = { size: '', chunks: new Map(), entries: [] };

const shelved = ({ size: before, chunks, entries }: Shelved, change: FilterChange): Shelved =>
  change.kind === 'entries'
    ? { size: before, chunks, entries: [...entries, change.entries] }
    : { size: change.size, chunks: new Map([...chunks, ...change.chunks.map(({ index, bytes }) => [index, bytes] as const)]), entries: [] };

/** What a store does with changes: the same as the tables, in memory. */
const createShelf = () => {
  const shelf = new Map<string, Shelved>();
  const keep = (changes: readonly FilterChange[]): void => {
    for (const change of changes) shelf.set(change.name, shelved(shelf.get(change.name) ?? nothing, change));
  };
  const kept = (): KeptFilter[] =>
    [...shelf].map(([name, { size: kind, chunks, entries }]) => ({
      name,
      size: kind,
      chunks: [...chunks].map(([index, bytes]) => ({ index, bytes })),
      entries,
    }));
  return { keep, kept };
};

/** A process that counts keys, as a shelf and restarts see it; and what it should hold. */
const createProcess = () => {
  const shelf = createShelf();
  let live = createKeptFilters([], secret).filters;
  const entered: [number, number][] = [];
  let kept = 0;
  return {
    enter: ({ from, count, tag }: { readonly from: number; readonly count: number; readonly tag: number }): void => {
      for (let number = from; number < from + count; number += 1) {
        live.of('seen', size).enter(key(number), tag);
        entered.push([number, tag]);
      }
    },
    keep: (): void => {
      const changes = live.changes();
      shelf.keep(structuredClone(changes));
      live.kept(changes);
      kept = entered.length;
    },
    lose: (): void => void live.changes(),
    restart: (): void => {
      const { filters, isWhole } = createKeptFilters(shelf.kept(), secret);
      expect(isWhole).toBe(true);
      live = filters;
      entered.length = kept;
    },
    state: () => live.of('seen', size).state(),
    expected: () => {
      const filter = createKeptFilters([], secret).filters.of('seen', size);
      for (const [number, tag] of entered) filter.enter(key(number), tag);
      return filter.state();
    },
  };
};

const bytesOf = (changes: readonly FilterChange[]): number =>
  changes.reduce(
    (sum, change) => sum + (change.kind === 'entries' ? change.entries.length : change.chunks.reduce((all, { bytes }) => all + bytes.length, 0)),
    0,
  );

describe('the key filters of a rollout', () => {
  it('are bit by bit what they were, whenever they are kept, fail to be kept and are restored', () => {
    const batch = fc.record({ from: fc.nat(50_000), count: fc.integer({ min: 1, max: 400 }), tag: fc.constantFrom(0, 5, 2 ** 32) });
    const step = fc.oneof({ weight: 8, arbitrary: batch }, { weight: 3, arbitrary: fc.constantFrom('keep' as const, 'lose' as const, 'restart' as const) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const process = createProcess();
        for (const one of steps) {
          if (typeof one === 'string') process[one]();
          else process.enter(one);
        }
        expect(process.state()).toEqual(process.expected());
      }),
      { numRuns: 60 },
    );
  });

  it('lose nothing that comes while they are being kept', () => {
    const shelf = createShelf();
    const { filters } = createKeptFilters([], secret);
    const filter = filters.of('seen', size);
    for (let number = 0; number < 100; number += 1) {
      filter.enter(key(number), 1);
      const changes = filters.changes();
      filter.enter(key(1_000 + number), 1);
      shelf.keep(changes);
      filters.kept(changes);
    }
    shelf.keep(filters.changes());
    expect(createKeptFilters(shelf.kept(), secret).filters.of('seen', size).state()).toEqual(filter.state());
  });

  it('lose nothing when more comes than waits while a snapshot is being kept', () => {
    const shelf = createShelf();
    const { filters } = createKeptFilters([], secret);
    const filter = filters.of('seen', { sizeLog2: 21, bitsPerEntry: 12 });
    filter.enter(key(0), 1);
    const changes = filters.changes();
    for (let number = 1; number <= 70_000; number += 1) filter.enter(key(number), 1);
    shelf.keep(changes);
    filters.kept(changes);
    shelf.keep(filters.changes());
    expect(createKeptFilters(shelf.kept(), secret).filters.of('seen', size).state()).toEqual(filter.state());
  });

  it('have nothing to keep when no key came', () => {
    const { filters } = createKeptFilters([], secret);
    filters.of('seen', size);
    const first = filters.changes();
    expect(first).toMatchObject([{ kind: 'snapshot', name: 'seen', chunks: [] }]);
    filters.kept(first);
    expect(filters.changes()).toEqual([]);
  });

  it('cost 16 bytes a key, and about as much again for the bits that changed', () => {
    const shelf = createShelf();
    const { filters } = createKeptFilters([], secret);
    const filter = filters.of('seen', { sizeLog2: 23, bitsPerEntry: 12 });
    const seconds = 300;
    let bytes = 0;
    for (let second = 0; second < seconds; second += 1) {
      for (let index = 0; index < 1_000; index += 1) filter.enter(key(second * 1_000 + index), 1);
      const changes = filters.changes();
      bytes += bytesOf(changes);
      shelf.keep(changes);
      filters.kept(changes);
    }
    expect(bytes / seconds / 1_000).toBeLessThan(40);
  });

  it('are known to be lost when a part of them is missing', () => {
    const shelf = createShelf();
    const { filters } = createKeptFilters([], secret);
    for (let number = 0; number < 500; number += 1) filters.of('seen', size).enter(key(number), 1);
    shelf.keep(filters.changes());
    const [kept] = shelf.kept();
    const damaged = [{ ...kept, chunks: kept?.chunks.slice(1) } as KeptFilter];
    const restored = createKeptFilters(damaged, secret);
    expect(restored.isWhole).toBe(false);
    expect(restored.filters.of('seen', size).has(key(1), 1)).toBe(false);
  });

  it('are lost when they were kept by a version that put the bits elsewhere', () => {
    const shelf = createShelf();
    const { filters } = createKeptFilters([], secret);
    filters.of('seen', size).enter(key(1), 1);
    shelf.keep(filters.changes());
    const elsewhere = shelf.kept().map((kept) => ({ ...kept, size: kept.size.replace(/,"blockBits":\d+/, '') }));
    expect(elsewhere).not.toEqual(shelf.kept());
    expect(createKeptFilters(elsewhere, secret).isWhole).toBe(false);
  });

  it('are lost under another secret: every key would be new', () => {
    const shelf = createShelf();
    const { filters } = createKeptFilters([], secret);
    filters.of('seen', size).enter(key(1), 1);
    shelf.keep(filters.changes());
    expect(createKeptFilters(shelf.kept(), 'another').isWhole).toBe(false);
  });

  it('bound what waits for a store that is away', () => {
    const shelf = createShelf();
    const { filters } = createKeptFilters([], secret);
    const filter = filters.of('seen', { sizeLog2: 23, bitsPerEntry: 12 });
    for (let number = 0; number < 200_000; number += 1) filter.enter(keyHashOf(BigInt(number) * 0x9e3779b97f4a7c15n), 1);
    const changes = filters.changes();
    expect(changes).toMatchObject([{ kind: 'snapshot' }]);
    shelf.keep(changes);
    filters.kept(changes);
    filter.enter(key(7), 1);
    shelf.keep(filters.changes());
    expect(createKeptFilters(shelf.kept(), secret).filters.of('seen', size).state()).toEqual(filter.state());
  });
});
