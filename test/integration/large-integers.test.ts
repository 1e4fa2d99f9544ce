/** Whole numbers of 64 bits: exact on `/v2`, and never rounded on `/infer`. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { initGraph } from '../../src/cli/init-graph.ts';
import { makeTeamFolders } from '../support/bundles.ts';
import { startGateway } from '../support/gateway.ts';
import { onnxModel } from '../support/onnx-graph.ts';
import { ask, bytesOf, framed } from '../support/protocol.ts';

test('an output that a JSON number does not hold is no answer of /infer, and exact on /v2', async () => {
  const folders = await makeTeamFolders();
  const graph = join(folders.root, 'product.onnx');
  const value = (name: string) => ({ name, shape: ['N', 1], type: 'int64' as const });
  await writeFile(graph, onnxModel({ inputs: [value('x'), value('z')], outputs: [value('y')], nodes: [{ op: 'Mul', inputs: ['x', 'z'], outputs: ['y'] }] }));
  expect(await initGraph({ graph, model: 'product', out: folders.root })).toMatchObject({ ok: true });
  const gateway = await startGateway(folders);
  onTestFinished(async () => {
    await gateway.end('SIGKILL');
    await folders.remove();
  });
  const product = async (x: number, z: number) => (await gateway.infer({ model: 'product', inputs: [{ x, z }] })).body;
  expect(await product(94_906_265, 94_906_265)).toMatchObject({ outputs: [{ y: 9_007_199_136_250_225 }] });
  for (const [x, got] of [
    [94_906_267, '9007199515875289'],
    [-94_906_267, '-9007199515875289'],
  ] as const)
    expect(await product(x, 94_906_267)).toMatchObject({
      status: 502,
      type: '/problems/output-rejected',
      detail: `Output y has ${got}, which a JSON number does not hold: ask for it on /v2.`,
    });
  const response = await fetch(`${gateway.url}/v2/models/product/infer`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ inputs: ['x', 'z'].map((name) => ({ name, datatype: 'INT64', shape: [1, 1], data: [94_906_267] })) }),
  });
  expect(await response.text()).toContain('"data":[9007199515875289]');
  const large = BigInt64Array.of(2n ** 53n + 1n, -1n);
  const binary = framed(
    {
      parameters: { binary_data_output: true },
      inputs: ['x', 'z'].map((name) => ({ name, datatype: 'INT64', shape: [1, 1], parameters: { binary_data_size: 8 } })),
    },
    bytesOf(large),
  );
  const answer = await ask({ url: gateway.url, path: '/v2/models/product/infer', ...binary });
  expect(answer.binary.readBigInt64LE()).toBe(-(2n ** 53n) - 1n);
  expect(await product(2 ** 53, 1)).toMatchObject({ status: 400, type: '/problems/contract-violation' });
});
