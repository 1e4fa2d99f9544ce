import { describe, expect, test } from 'vitest';
import { createInlinePlacement } from '../../../src/data-plane/inference/inline-placement.ts';
import { echoModel } from '../../support/onnx-graph.ts';

const feeds = (...values: readonly number[]) => ({ x: { datatype: 'FP32', shape: [values.length, 1], data: Float32Array.from(values) } }) as const;
const open = () => createInlinePlacement(echoModel(), () => performance.now());

describe('inline placement', () => {
  test('reads the signature of the graph, with -1 for the variable dimension', async () => {
    const placement = await open();
    expect(placement.signature).toEqual({
      inputs: [{ name: 'x', datatype: 'FP32', shape: [-1, 1] }],
      outputs: [{ name: 'y', datatype: 'FP32', shape: [-1, 1] }],
    });
    expect(placement).toMatchObject({ kind: 'inline', maxInFlight: 1 });
    expect(placement.pid()).toBeNull();
    await placement.close();
  });

  test("fails with the runtime's words for a run that throws, and runs on", async () => {
    const placement = await open();
    await expect(placement.run(feeds(5_000))).rejects.toMatchObject({ reason: 'error', message: expect.stringContaining('Gather') });
    expect((await placement.run(feeds(3))).outputs.y?.data).toEqual(Float32Array.of(3));
    await placement.close();
  });

  test('waits for the runs under way before it frees the graph', async () => {
    const placement = await open();
    const runs = [placement.run(feeds(1)), placement.run(feeds(2))];
    await Promise.all([placement.close(), placement.close()]);
    expect((await Promise.all(runs)).map(({ outputs }) => outputs.y?.data)).toEqual([Float32Array.of(1), Float32Array.of(2)]);
    await expect(placement.run(feeds(1))).rejects.toMatchObject({ reason: 'error' });
  });

  test.each([
    ['junk', Buffer.from('no graph at all')],
    ['nothing', new Uint8Array()],
    ['half a graph', echoModel().subarray(0, 60)],
  ])('refuses %s', async (_, bytes) => {
    await expect(createInlinePlacement(bytes, () => 0)).rejects.toThrow();
  });
});
