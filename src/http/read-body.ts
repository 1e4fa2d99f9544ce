import type { IncomingMessage } from 'node:http';
import { parseJson } from '../parse-json.ts';
import { ProblemError } from '../problem.ts';
import type { HoldBytes } from './body-budget.ts';

const tooLarge = (got: string, maxBytes: number): ProblemError =>
  new ProblemError('request-too-large', `The body has ${got} bytes, at most ${maxBytes} are expected.`);

/**
 * Reads a whole body. What is too large is refused before it is read if its length is declared, and otherwise as soon as
 * the limit is passed, or `hold` refuses to hold more.
 *
 * @throws ProblemError request-too-large; malformed-request when the caller goes away; what `hold` throws
 */
export const readBody = (request: IncomingMessage, { maxBytes, hold }: { readonly maxBytes: number; readonly hold: HoldBytes }): Promise<Buffer> => {
  const declared = Number(request.headers['content-length'] ?? 0);
  if (declared > maxBytes) return Promise.reject(tooLarge(String(declared), maxBytes));
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    const keep = (chunk: Buffer): void => {
      size += chunk.length;
      if (size > maxBytes) throw tooLarge(`more than ${maxBytes}`, maxBytes);
      hold(chunk.length);
      chunks.push(chunk);
    };
    const pass = (refusal: unknown): void => {
      // The rest flows past unkept, so that the answer can still be read by the caller.
      request.off('data', take);
      request.resume();
      chunks.length = 0;
      reject(refusal);
    };
    const take = (chunk: Buffer): void => {
      try {
        keep(chunk);
      } catch (refusal) {
        pass(refusal);
      }
    };
    request.on('data', take);
    request.on('end', () => resolve(chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks)));
    request.on('error', (cause) => reject(new ProblemError('malformed-request', 'The body ended early.', { cause })));
  });
};

/** Whether a content type is JSON; parameters such as a charset are let through. */
export const isJson = (contentType: string | undefined): boolean => contentType !== undefined && /^application\/json\s*(;|$)/i.test(contentType);

/** @throws ProblemError unsupported-media-type, malformed-request */
export const parseJsonBody = (request: IncomingMessage, body: Buffer): unknown => {
  const { 'content-type': contentType, 'content-encoding': encoding } = request.headers;
  if (!isJson(contentType))
    throw new ProblemError('unsupported-media-type', `The content type is ${contentType ?? 'not given'}, application/json is expected.`);
  if (encoding !== undefined && encoding !== 'identity')
    throw new ProblemError('unsupported-media-type', `The content encoding is ${encoding}, none is expected.`);
  return parseJson(body, 'The body is not JSON.');
};
