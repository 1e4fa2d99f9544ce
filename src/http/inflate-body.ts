import { promisify } from 'node:util';
import { gunzip, inflate } from 'node:zlib';
import { ProblemError } from '../problem.ts';

/** `deflate` is the zlib framing of RFC 1950, as HTTP says. */
const decoders = { gzip: promisify(gunzip), deflate: promisify(inflate) } as const;

const isEncoding = (encoding: string): encoding is keyof typeof decoders => Object.hasOwn(decoders, encoding);

/**
 * The body without its content encoding. It may have at most `maxBytes` then too: inflating stops there.
 * @throws ProblemError unsupported-media-type, request-too-large, malformed-request
 */
export const inflateBody = async (body: Buffer, encoding: string, maxBytes: number): Promise<Buffer> => {
  const name = encoding.trim().toLowerCase();
  if (!isEncoding(name))
    throw new ProblemError('unsupported-media-type', `The content encoding is ${encoding.slice(0, 40)}, gzip, deflate or none is expected.`);
  try {
    return await decoders[name](body, { maxOutputLength: maxBytes });
  } catch (cause) {
    if (cause instanceof Error && Reflect.get(cause, 'code') === 'ERR_BUFFER_TOO_LARGE')
      throw new ProblemError('request-too-large', `The body has more than ${maxBytes} bytes when it is inflated, at most ${maxBytes} are expected.`);
    throw new ProblemError('malformed-request', `The body is not ${name}.`, { cause });
  }
};
