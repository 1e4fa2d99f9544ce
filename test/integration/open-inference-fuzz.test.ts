/** Bodies of the binary framing that are wrong in every way: each gets a 4xx with `error`, and the gateway stays as it is. */
import { readFile } from 'node:fs/promises';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { deliver, makeTeamFolders, type TeamFolders } from '../support/bundles.ts';
import { type GatewayProcess, startGateway } from '../support/gateway.ts';
import { inParallel, keepAliveAgent } from '../support/http-client.ts';
import { ask, bytesOf, elements } from '../support/protocol.ts';

const cases = 20_000;
const connections = 16;
/** So that sizes around the limit are tried too. */
const maxBodyBytes = 65_536;

interface Hostile {
  readonly model: 'card-fraud' | 'search-ranker';
  readonly header: string | null;
  readonly body: Uint8Array;
}

const cardRow = Float32Array.of(45.5, 6, 1, 0, 2749, 4, 26, 114, 109.04, 92.96, 84.87, 0.5361, 3, 7, 23, 0, 0);
const features = { name: 'features', datatype: 'FP32', shape: [1, 17] };

const message = (head: unknown, binary: Uint8Array): { readonly header: string; readonly body: Buffer } => {
  const json = Buffer.from(JSON.stringify(head));
  return { header: String(json.length), body: Buffer.concat([json, binary]) };
};

const valid = message({ inputs: [{ ...features, parameters: { binary_data_size: 68 } }] }, bytesOf(cardRow));
const junk = fc.oneof(
  fc.integer(),
  fc.double(),
  fc.string(),
  fc.boolean(),
  fc.constant(null),
  fc.array(fc.integer(), { maxLength: 4 }),
  fc.object({ maxDepth: 1 }),
);
const size = fc.oneof(fc.constantFrom(0, 1, 67, 69, 2 ** 31, 2 ** 32, 2 ** 53, 1e300, -1, 68.5), fc.integer(), junk).filter((value) => value !== 68);
const dimension = fc.oneof(fc.constantFrom(0, 2, 16, 18, 2 ** 31, 2 ** 53, -1, 1.5), fc.integer({ min: -3, max: 2 ** 40 }));
const shape = fc.oneof(fc.array(dimension, { maxLength: 6 }), junk).filter((value) => JSON.stringify(value) !== '[1,17]');
const datatype = fc.oneof(fc.constantFrom('FP64', 'FP16', 'INT64', 'BOOL', 'BYTES', 'UINT8', 'BF16', 'fp32'), junk);
const card = (head: unknown, binary: Uint8Array = bytesOf(cardRow)): Hostile => ({ model: 'card-fraud', ...message(head, binary) });

/** Each breaks a message that would be right, in one place or everywhere. */
const hostile: fc.Arbitrary<Hostile> = fc.oneof(
  fc
    .integer({ min: 1, max: valid.body.length })
    .map((cut): Hostile => ({ model: 'card-fraud', header: valid.header, body: valid.body.subarray(0, valid.body.length - cut) })),
  fc
    .uint8Array({ minLength: 1, maxLength: 100 })
    .map((more): Hostile => ({ model: 'card-fraud', header: valid.header, body: Buffer.concat([valid.body, more]) })),
  fc
    .oneof(
      fc.integer({ min: -5, max: 400 }).map(String),
      fc.stringMatching(/^[ -~]{0,20}$/),
      fc.constantFrom('0', '1e2', '0x10', '99999999999999999999', '-1', '+68', '65536'),
    )
    .filter((header) => header.trim() !== valid.header)
    .map((header): Hostile => ({ model: 'card-fraud', header, body: valid.body })),
  fc.constant<Hostile>({ model: 'card-fraud', header: null, body: valid.body }),
  size.map((binary_data_size) => card({ inputs: [{ ...features, parameters: { binary_data_size } }] })),
  shape.map((odd) => card({ inputs: [{ ...features, shape: odd, parameters: { binary_data_size: 68 } }] })),
  datatype.map((odd) => card({ inputs: [{ ...features, datatype: odd, parameters: { binary_data_size: 68 } }] })),
  junk.map((data) => card({ inputs: [{ ...features, data }] }, new Uint8Array(0))),
  junk.map((inputs) => card({ inputs })),
  junk.map((parameters) => card({ parameters, inputs: [{ ...features, parameters: { binary_data_size: 68 }, data: [] }] })),
  fc
    .array(fc.record({ name: fc.string(), shape, datatype, parameters: fc.record({ binary_data_size: size }) }), { maxLength: 5 })
    .map((inputs) => card({ inputs })),
  fc
    .tuple(fc.uint8Array({ maxLength: 200 }), fc.integer({ min: 1, max: 100 }))
    .map(([body, header]): Hostile => ({ model: 'card-fraud', header: String(header), body })),
  // Elements of text: their lengths are inside of the bytes.
  fc.tuple(fc.uint8Array({ minLength: 4, maxLength: 64 }), fc.integer({ min: 1, max: 20 })).map(([bytes, count]): Hostile => {
    const binary = Buffer.concat([bytesOf(new Float32Array(18)), bytes]);
    const ids = { name: 'query_id', datatype: 'BYTES', shape: [count], parameters: { binary_data_size: bytes.length } };
    return {
      model: 'search-ranker',
      ...message({ inputs: [{ name: 'features', datatype: 'FP32', shape: [1, 18], parameters: { binary_data_size: 72 } }, ids] }, binary),
    };
  }),
  fc.integer({ min: 2, max: 2 ** 32 - 1 }).map((length): Hostile => {
    const text = elements('q');
    text.writeUInt32LE(length);
    const ids = { name: 'query_id', datatype: 'BYTES', shape: [1], parameters: { binary_data_size: text.length } };
    return { model: 'search-ranker', ...message({ inputs: [ids] }, text) };
  }),
  fc
    .integer({ min: maxBodyBytes + 1, max: maxBodyBytes * 2 })
    .map((length): Hostile => ({ model: 'card-fraud', header: valid.header, body: Buffer.alloc(length, 0x20) })),
);

let folders: TeamFolders;
let gateway: GatewayProcess;

beforeAll(async () => {
  folders = await makeTeamFolders();
  await deliver(folders, { from: { model: 'card-fraud', version: '1.4.0' } });
  await deliver(folders, { from: { model: 'search-ranker', version: '1.2.0' } });
  gateway = await startGateway(folders, { flags: ['--max-body-bytes', String(maxBodyBytes)] });
});

afterAll(async () => {
  await gateway.end('SIGKILL');
  await folders.remove();
});

/** Most memory that the process ever had, MiB. */
const peakMiB = async (): Promise<number> => Number(/VmHWM:\s+(\d+) kB/.exec(await readFile(`/proc/${gateway.pid}/status`, 'utf8'))?.[1]) / 1_024;

const send = ({ model, header, body }: Hostile, agent: ReturnType<typeof keepAliveAgent>) =>
  ask({ url: gateway.url, path: `/v2/models/${model}/infer`, agent, body, headers: header === null ? {} : { 'inference-header-content-length': header } });

test(`${cases} wrong bodies are each answered 4xx with error, and take no memory`, { timeout: 240_000 }, async () => {
  const agent = keepAliveAgent(connections);
  const right = async () => (await send({ model: 'card-fraud', ...valid }, agent)).status;
  expect(await right()).toBe(200);
  // The first thousand warm the code up: what it takes is not theirs.
  const samples = fc.sample(hostile, { numRuns: cases, seed: 20_261 });
  const wrong: { readonly hostile: Hostile; readonly status: number; readonly error: unknown }[] = [];
  const attack = (list: readonly Hostile[]) =>
    inParallel(list, connections, async (one) => {
      const { status, json } = await send(one, agent);
      if (status < 400 || status >= 500 || typeof json.error !== 'string') wrong.push({ hostile: one, status, error: json.error });
    });
  await attack(samples.slice(0, 1_000));
  const before = await peakMiB();
  await attack(samples.slice(1_000));
  const shown = wrong
    .slice(0, 3)
    .map(({ hostile: { header, body }, ...rest }) => ({ ...rest, header, body: Buffer.from(body).toString('latin1').slice(0, 300) }));
  expect({ wrong: wrong.length, shown }).toEqual({ wrong: 0, shown: [] });
  expect(await right()).toBe(200);
  // Sixteen bodies at once, and what the collector had not yet taken away.
  expect((await peakMiB()) - before).toBeLessThan(150);
  agent.destroy();
});
