/** The body of a message: JSON, then the bytes of the tensors that have `binary_data_size`, in the order of the JSON. */
import { parseJson } from '../parse-json.ts';
import { malformed } from './malformed.ts';

/** Says how many bytes of the body are JSON; there exactly when binary data follows. 0: the whole body is the only input. */
export const lengthHeader = 'inference-header-content-length';

/** Parses the JSON of a message. @throws ProblemError malformed-request */
export const parseHead = (bytes: Buffer): unknown => parseJson(bytes, 'The body does not begin with JSON of the length that it says.');

/**
 * How many bytes of a body are JSON, by its length header: all of them without one, none in a raw request.
 * @throws ProblemError malformed-request
 */
export const jsonBytesOf = (body: Buffer, header: string | undefined): number => {
  if (header === undefined) return body.length;
  const length = /^\d{1,15}$/.test(header) ? Number(header) : Number.NaN;
  if (length <= body.length) return length;
  throw malformed('#', {
    got: `${lengthHeader} ${JSON.stringify(header.slice(0, 20))}`,
    expected: `0 to ${body.length}, the size of the body`,
    unit: 'bytes',
  });
};
