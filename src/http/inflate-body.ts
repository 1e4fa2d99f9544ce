import { pipeline } from 'node:stream/promises';
import { createGunzip, createInflate } from 'node:zlib';
import { ProblemError } from '../problem.ts';
import type { HoldBytes } from './body-budget.ts';

/** `deflate` is the zlib framing of RFC 1950, as HTTP says. */
const decoders = { gzip: createGunzip, deflate: createInflate } as const;

const isEncoding = (encoding: string): encoding is keyof typeof decoders => Object.hasOwn(decoders, encoding);

/**
 * The body without its content encoding. It may have at most `maxBytes` then too: inflating stops there.
 * @throws ProblemError unsupported-media-type, request-too-large, malformed-request; what `hold` throws
 */
export const inflateBody = async (
  body: Buffer,
  encoding: string,
  { maxBytes, hold }: { readonly maxBytes: number; readonly hold: HoldBytes },
): Promise<Buffer> => {
  const name = encoding.trim().toLowerCase();
  if (!isEncoding(name))
    throw new ProblemError('unsupported-media-type', `The content encoding is ${encoding.slice(0, 40)}, gzip, deflate or none is expected.`);
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    await pipeline([body], decoders[name](), async (inflated: AsyncIterable<Buffer>) => {
      for await (const chunk of inflated) {
        size += chunk.length;
        if (size > maxBytes)
          throw new ProblemError('request-too-large', `The body has more than ${maxBytes} bytes when it is inflated, at most ${maxBytes} are expected.`);
        hold(chunk.length);
        chunks.push(chunk);
      }
    });
  } catch (cause) {
    if (cause instanceof ProblemError) throw cause;
    throw new ProblemError('malformed-request', `The body is not ${name}.`, { cause });
  }
  return Buffer.concat(chunks, size);
};
