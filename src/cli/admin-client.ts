import { z } from 'zod';
import { type GatewayAddress, headersFor, urlBelow, whyNoAnswer } from './gateway-address.ts';
import type { ExitCode } from './io.ts';
import { printable } from './text-table.ts';

/** Longer than any answer of the admin port takes; the gateway may be busy, but a command must end. */
const timeoutMs = 10_000;

/** An answer of the admin port: what was asked for, or why not. */
export type AdminAnswer =
  | { readonly ok: true; readonly body: unknown }
  /** `body` is the problem as it was sent; undefined when there was none. */
  | { readonly ok: false; readonly exitCode: ExitCode; readonly message: string; readonly body?: unknown };

/** What to ask. */
export interface AdminRequest {
  readonly method: 'GET' | 'PUT' | 'POST';
  /** Segments of the path; each is encoded. */
  readonly path: readonly string[];
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  /** The answer is text; absent: JSON. */
  readonly answersText?: true;
}

const problem = z.object({
  title: z.string(),
  detail: z.string(),
  errors: z.array(z.object({ pointer: z.string(), got: z.string(), expected: z.string() })).default([]),
});

/** A refusal of what was asked is 1. A caller who is not let in, and a gateway that cannot, leave the question open: 3. */
const exitCodeOf = (status: number): ExitCode => (status >= 400 && status < 500 && ![401, 403, 429].includes(status) ? 1 : 3);

const refusal = (status: number, body: unknown): AdminAnswer => {
  const parsed = problem.safeParse(body);
  if (!parsed.success) return { ok: false, exitCode: 3, message: `the answer has status ${status} and is not of an admin port` };
  const { title, detail, errors } = parsed.data;
  const faults = errors.map(({ pointer, got, expected }) => `\n  ${printable(`${pointer}: got ${got}, expected ${expected}`)}`);
  return { ok: false, exitCode: exitCodeOf(status), message: `${printable(`${title}: ${detail}`)}${faults.join('')}`, body };
};

const urlOf = (base: URL, { path, query = {} }: AdminRequest): URL => {
  const url = urlBelow(base, path);
  for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
  return url;
};

/** Asks the admin port once. Never rejects: what goes wrong is an answer too. */
export const askAdmin = async (address: GatewayAddress, request: AdminRequest): Promise<AdminAnswer> => {
  try {
    const response = await fetch(urlOf(address.url, request), {
      method: request.method,
      headers: headersFor(address),
      ...(request.body === undefined ? {} : { body: JSON.stringify(request.body) }),
      // The secret goes to the address that was given and to no other.
      redirect: 'error',
      signal: AbortSignal.timeout(timeoutMs),
    });
    const body: unknown = response.ok && request.answersText === true ? await response.text() : await response.json().catch(() => undefined);
    return response.ok && body !== undefined ? { ok: true, body } : refusal(response.status, body);
  } catch (error) {
    return { ok: false, exitCode: 3, message: `no answer from ${address.url.origin}: ${whyNoAnswer(error)}` };
  }
};
