import { describe, expect, it } from 'vitest';
import { buildGuards } from '../../../src/control-plane/analysis/build-guards.ts';
import { type EProcessState, fold, startEProcess } from '../../../src/control-plane/analysis/e-process.ts';
import { foldBlock, startEvidence } from '../../../src/control-plane/analysis/evidence.ts';
import type { BlockCounts } from '../../../src/control-plane/analysis/guard-counts.ts';
import type { Guard } from '../../../src/control-plane/analysis/guard-test.ts';
import { likelyStartBlock } from '../../../src/control-plane/analysis/likely-start.ts';
import { createRandom } from '../../support/random.ts';
import { type Cells, units } from './support.ts';

/** From the definition: every start with its mass and all that the bet won since, then on over blocks that told nothing. */
const likeliest = (logs: readonly number[], hazard: number, betCount: number): { readonly lnCapital: number; readonly block: number } => {
  const massOf = (block: number): number => (block === 1 ? 0.5 : 0.5 * hazard * (1 - hazard) ** (block - 2));
  const starts = Array.from({ length: logs.length + 1 }, (_, index) => ({
    block: index + 1,
    lnCapital: logs.slice(index).reduce((sum, log) => sum + log, Math.log(massOf(index + 1) / betCount)),
  }));
  const best = starts.reduce((largest, next) => (next.lnCapital > largest.lnCapital ? next : largest));
  const told = logs.findIndex((log, index) => index >= best.block - 1 && log !== 0);
  return { ...best, block: told === -1 ? logs.length + 1 : told + 1 };
};

describe('the likeliest start of a bet', () => {
  it('is the largest of all starts, though one a bet is carried', () => {
    const random = createRandom(5);
    for (let round = 0; round < 200; round += 1) {
      const hazard = 0.001 + random.uniform() * 0.3;
      const blocks = Array.from({ length: 1 + Math.floor(random.uniform() * 40) }, () =>
        Array.from({ length: 3 }, () => (random.uniform() < 0.3 ? 0 : (random.uniform() - 0.5) * 4)),
      );
      const state = blocks.reduce<EProcessState>(fold, startEProcess({ betCount: 3, hazard }));
      for (const [k, start] of (state.starts ?? []).entries()) {
        const expected = likeliest(
          blocks.map((logs) => logs[k] ?? 0),
          hazard,
          3,
        );
        expect(start.block).toBe(expected.block);
        expect(start.lnCapital).toBeCloseTo(expected.lnCapital, 9);
      }
    }
  });

  it('is not followed without restart, and not in a test that has not followed it from the beginning', () => {
    expect(startEProcess({ betCount: 2, hazard: 0 })).not.toHaveProperty('starts');
    const { starts: _, ...earlier } = startEProcess({ betCount: 2, hazard: 0.1 });
    expect(fold(earlier, [1, 1])).not.toHaveProperty('starts');
  });

  it('survives JSON', () => {
    const state = fold(startEProcess({ betCount: 12, hazard: 0.01 }), new Array<number>(12).fill(-30));
    expect(JSON.parse(JSON.stringify(state))).toEqual(state);
  });
});

describe('the likely start of a harm', () => {
  const [guard] = buildGuards({
    criteria: [{ name: 'errors', kind: 'errorRate', margin: { absolute: 0.002 } }],
    keyed: false,
    compared: true,
    plannedBlocks: 100,
  });
  const errors = guard as Guard;
  const healthy: Cells = [10, 990, 10, 990];
  const failing: Cells = [60, 940, 10, 990];
  const block = (cells: Cells): BlockCounts => ({ errors: { units: [units(0.5, cells)] } });
  const sealed = (blocks: readonly BlockCounts[]) => blocks.reduce((evidence, counts) => foldBlock([errors], evidence, counts), startEvidence([errors]));
  const times = <Value>(count: number, value: Value): readonly Value[] => new Array<Value>(count).fill(value);

  it('is the block in which it began', () => {
    const evidence = sealed([...times(30, block(healthy)), ...times(2, block(failing))]);
    expect(likelyStartBlock(errors, evidence, [])).toBe(31);
  });

  it('is found in the open blocks', () => {
    const evidence = sealed(times(30, block(healthy)));
    expect(likelyStartBlock(errors, evidence, [block(healthy), block(failing), block(failing)])).toBe(32);
  });

  it('is not in a block without counts before it', () => {
    expect(likelyStartBlock(errors, sealed([...times(20, block(healthy)), ...times(40, {}), block(failing)]), [])).toBe(61);
  });

  it('is the first block with counts when it was there from the start', () => {
    expect(likelyStartBlock(errors, sealed([{}, {}, ...times(5, block(failing))]), [])).toBe(3);
  });

  it('is the block after the last while there is nothing to find', () => {
    expect(likelyStartBlock(errors, sealed([]), [])).toBe(1);
    expect(likelyStartBlock(errors, sealed(times(400, block([5, 995, 60, 940]))), [])).toBe(401);
  });

  it('does not depend on empty blocks after the last', () => {
    const blocks = [...times(9, block(healthy)), block(failing)];
    expect(likelyStartBlock(errors, sealed(blocks), [])).toBe(10);
    expect(likelyStartBlock(errors, sealed([...blocks, {}, {}]), [{}])).toBe(10);
  });

  it('is not known of a rollout whose tests have not followed it', () => {
    const evidence = sealed([block(failing)]);
    const tests = Object.fromEntries(Object.entries(evidence.tests).map(([id, { starts: _, ...earlier }]) => [id, earlier]));
    expect(likelyStartBlock(errors, { ...evidence, tests }, [])).toBeUndefined();
  });
});
