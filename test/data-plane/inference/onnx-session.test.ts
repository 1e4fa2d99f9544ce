import { execFile } from 'node:child_process';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, onTestFinished, test } from 'vitest';
import { openSession } from '../../../src/data-plane/inference/onnx-session.ts';
import { echoModel, onnxModel } from '../../support/onnx-graph.ts';

const repository = new URL('../../..', import.meta.url).pathname;

describe('onnx session', () => {
  test('has the telemetry of ONNX Runtime switched off before its library is loaded', { timeout: 30_000 }, async () => {
    const home = await mkdtemp(join(tmpdir(), 'handoff-home-'));
    const { ORT_DISABLE_TELEMETRY: _, XDG_CACHE_HOME: __, NODE_OPTIONS: ___, ...environment } = process.env;
    const witness = new URL('../../support/telemetry-witness.ts', import.meta.url).pathname;
    const { stdout } = await promisify(execFile)(process.execPath, [witness, join(repository, 'models/card-fraud/1.4.0/model.onnx')], {
      env: { ...environment, HOME: home, TMPDIR: home },
    });
    expect(JSON.parse(stdout)).toEqual({ atLoad: ['1'], sockets: 0 });
    // With telemetry on, loading alone writes a device id and a database into the home directory.
    expect(await readdir(home)).toEqual([]);
    await rm(home, { recursive: true });
  });

  test('names element types and variable dimensions in the words of the contract', async () => {
    const session = await openSession(
      onnxModel({
        inputs: [{ name: 'x', shape: ['N', 3] }],
        outputs: [{ name: 'y', shape: ['N', 3] }],
        nodes: [{ op: 'Identity', inputs: ['x'], outputs: ['y'] }],
      }),
    );
    expect(session.signature.inputs).toEqual([{ name: 'x', datatype: 'FP32', shape: [-1, 3] }]);
    await session.release();
  });

  test('gives every run fresh output, owned by the caller', async () => {
    const session = await openSession(echoModel());
    const feeds = { x: { datatype: 'FP32', shape: [1, 1], data: Float32Array.of(7) } } as const;
    const first = await session.run(feeds);
    const second = await session.run(feeds);
    Object.assign(first.y?.data ?? [], [0]);
    expect(second.y?.data).toEqual(Float32Array.of(7));
    expect(feeds.x.data).toEqual(Float32Array.of(7));
    await session.release();
  });

  test('takes no weights from a file, not even from one that lies in the working folder', async () => {
    const file = `handoff-weights-${process.pid}.bin`;
    onTestFinished(() => rm(file));
    const width = 64;
    await writeFile(file, new Uint8Array(new Float32Array(width * width).fill(7).buffer));
    const external = onnxModel({
      inputs: [{ name: 'x', shape: ['N', width] }],
      outputs: [{ name: 'y', shape: ['N', width] }],
      constants: [{ name: 'w', type: 'float', shape: [width, width], values: [], file }],
      nodes: [{ op: 'MatMul', inputs: ['x', 'w'], outputs: ['y'] }],
    });
    await expect(openSession(external)).rejects.toThrow('the graph has weights in another file, which no digest covers: export it as one file');
  });
});
