import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { PassThrough } from 'node:stream';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createFrameChannel } from '../../../src/data-plane/processes/frame-channel.ts';

interface Frame {
  readonly kind: number;
  readonly payload: Buffer;
}

const frame = fc.record({ kind: fc.nat(255), payload: fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)) });

/** The bytes that a channel writes. */
const bytesOf = (frames: readonly Frame[]): Buffer => {
  const socket = new PassThrough() as unknown as Socket;
  const written: Buffer[] = [];
  Object.assign(socket, { write: (bytes: Buffer) => written.push(bytes) });
  const { send } = createFrameChannel(socket, () => undefined);
  for (const { kind, payload } of frames) send(kind, payload.subarray(0, 5), payload.subarray(5));
  return Buffer.concat(written);
};

describe('frame channel', () => {
  test('hands on every frame whole and in order, however the bytes are cut', () => {
    fc.assert(
      fc.property(fc.array(frame, { maxLength: 8 }), fc.infiniteStream(fc.integer({ min: 1, max: 30 })), (frames, cuts) => {
        const socket = new PassThrough() as unknown as Socket;
        const received: Frame[] = [];
        createFrameChannel(socket, (kind, payload) => void received.push({ kind, payload: Buffer.from(payload) }));
        let rest = bytesOf(frames);
        for (const size of cuts) {
          if (rest.length === 0) break;
          socket.emit('data', rest.subarray(0, size));
          rest = rest.subarray(size);
        }
        expect(received).toEqual(frames);
      }),
    );
  });

  test('carries megabytes over a socket', async () => {
    const payload = Buffer.alloc(5_000_000, 'frame');
    const server = createServer((socket) => {
      const channel = createFrameChannel(socket, (kind, bytes) => channel.send(kind, bytes, Buffer.from('end')));
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const socket = connect(Number(Reflect.get(server.address() ?? {}, 'port')), '127.0.0.1');
    const { promise, resolve } = Promise.withResolvers<Frame>();
    createFrameChannel(socket, (kind, bytes) => resolve({ kind, payload: Buffer.from(bytes) })).send(9, payload);
    const back = await promise;
    socket.destroy();
    server.close();
    expect(back.kind).toBe(9);
    expect(back.payload.equals(Buffer.concat([payload, Buffer.from('end')]))).toBe(true);
  });
});
