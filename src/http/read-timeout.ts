import { ProblemError } from '../problem.ts';

type Header = (name: string) => string | undefined;

const grpcUnitsMs: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1_000, m: 1, u: 1e-3, n: 1e-6 };

const milliseconds = (name: string, text: string): number => {
  if (!/^\d{1,9}$/.test(text) || Number(text) < 1)
    throw new ProblemError('malformed-request', `${name}: got ${JSON.stringify(text)}, expected whole milliseconds of at least 1.`);
  return Number(text);
};

/** @see https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md "Timeout" */
const grpcTimeout = (text: string): number => {
  const match = /^(\d{1,8})([HMSmun])$/.exec(text);
  const unitMs = grpcUnitsMs[match?.[2] ?? ''];
  if (match === null || unitMs === undefined)
    throw new ProblemError('malformed-request', `grpc-timeout: got ${JSON.stringify(text)}, expected at most 8 digits and one of H, M, S, m, u, n.`);
  return Number(match[1]) * unitMs;
};

/** What the caller allows, milliseconds: the smallest of the timeout headers, or null when there is none. @throws ProblemError malformed-request */
export const readTimeoutMs = (header: Header): number | null => {
  let smallest: number | null = null;
  const take = (ms: number): void => {
    if (smallest === null || ms < smallest) smallest = ms;
  };
  for (const name of ['x-request-timeout-ms', 'x-envoy-expected-rq-timeout-ms']) {
    const text = header(name);
    if (text !== undefined) take(milliseconds(name, text));
  }
  const grpc = header('grpc-timeout');
  if (grpc !== undefined) take(grpcTimeout(grpc));
  return smallest;
};
