import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { crc32, createDeflate } from 'node:zlib';

const chunk = (type: string, data: Uint8Array): Uint8Array => {
  const body = Buffer.concat([Buffer.from(type), data]);
  const frame = Buffer.alloc(8);
  frame.writeUInt32BE(data.length, 0);
  frame.writeUInt32BE(crc32(body), 4);
  return Buffer.concat([frame.subarray(0, 4), body, frame.subarray(4)]);
};

/** A black square PNG, `side` a multiple of 100, of one bit a pixel: a few hundred kilobytes that decode to `side` x `side` pixels. */
export const bombPng = async (side: number): Promise<Buffer> => {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(side, 0);
  header.writeUInt32BE(side, 4);
  header.set([1, 0, 0, 0, 0], 8);
  // In parts, so that the test itself does not need the memory that a decoder would.
  const partRows = 100;
  const part = Buffer.alloc(partRows * (1 + Math.ceil(side / 8)));
  const rows = Readable.from(Array.from({ length: side / partRows }, () => part));
  const pixels = await buffer(rows.pipe(createDeflate({ level: 6 })));
  return Buffer.concat([
    Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]),
    chunk('IHDR', header),
    chunk('IDAT', pixels),
    chunk('IEND', Buffer.alloc(0)),
  ]);
};
