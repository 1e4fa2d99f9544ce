import type { Socket } from 'node:net';

/** Messages in both directions over one local socket: a length, a kind and bytes. */
export interface FrameChannel {
  /** Sends one frame; the parts, which must not change any more, become its payload. */
  readonly send: (kind: number, ...parts: readonly Uint8Array[]) => void;
  /** Resolves when what was sent is on its way, or can never be. */
  readonly flushed: () => Promise<void>;
}

/** Receives a frame. The payload is valid during the call only: it may share memory with the frames around it. */
export type OnFrame = (kind: number, payload: Buffer) => void;

/** Length of kind and payload, u32 little-endian, then the kind, u8. */
const lengthBytes = 4;
const headerBytes = lengthBytes + 1;
/** Small frames are copied together, so that each is one write; a model is not copied. */
const copyUpToBytes = 65_536;

const nothing = new Uint8Array();

/** Joins frames to a socket. A frame that nobody can receive any more, since the other side is gone, is dropped. */
export const createFrameChannel = (socket: Socket, onFrame: OnFrame): FrameChannel => {
  socket.on('data', createFrameReader(onFrame));
  return {
    send: (kind, ...parts) => {
      if (socket.destroyed) return;
      const pieces = [headerOf(kind, parts), ...parts];
      if (parts.every((part) => part.byteLength <= copyUpToBytes)) socket.write(Buffer.concat(pieces));
      else for (const piece of pieces) socket.write(piece);
    },
    flushed: () => new Promise((resolve) => void (socket.destroyed ? resolve() : socket.write(nothing, () => resolve()))),
  };
};

const headerOf = (kind: number, parts: readonly Uint8Array[]): Buffer => {
  const header = Buffer.allocUnsafe(headerBytes);
  header.writeUInt32LE(
    parts.reduce((sum, part) => sum + part.byteLength, 1),
    0,
  );
  header[lengthBytes] = kind;
  return header;
};

/** Cuts a stream of bytes into frames. A frame that came in one piece is handed on where it lies; others are put together once. */
const createFrameReader = (onFrame: OnFrame): ((chunk: Buffer) => void) => {
  let waiting: Buffer[] = [];
  let waitingBytes = 0;
  let neededBytes = headerBytes;

  const cut = (bytes: Buffer): Buffer => {
    let rest = bytes;
    neededBytes = headerBytes;
    while (rest.length >= headerBytes) {
      const end = lengthBytes + rest.readUInt32LE(0);
      if (rest.length < end) {
        neededBytes = end;
        break;
      }
      onFrame(rest[lengthBytes] ?? 0, rest.subarray(headerBytes, end));
      rest = rest.subarray(end);
    }
    return rest;
  };

  return (chunk) => {
    waiting.push(chunk);
    waitingBytes += chunk.length;
    if (waitingBytes < neededBytes) return;
    const rest = cut(waiting.length === 1 ? chunk : Buffer.concat(waiting, waitingBytes));
    waiting = rest.length === 0 ? [] : [rest];
    waitingBytes = rest.length;
  };
};
