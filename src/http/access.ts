/**
 * Who may do what, closed by default. With keys a caller is the id of its key; without keys the ports are on loopback,
 * where the danger is a web page in the user's own browser: hence the rules on `Host` and `Origin`.
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { ProblemError } from '../problem.ts';
import type { Key, Scope } from './keys-file.ts';

/** A caller who is let in, with the name under which its acts are recorded; or the problem that keeps it out. */
export type Access = { readonly allowed: true; readonly actor: string } | { readonly allowed: false; readonly problem: ProblemError };

/** What a request shows of its sender. `keys` is null when the gateway has no keys file. */
export interface Caller {
  readonly keys: readonly Key[] | null;
  readonly authorization: string | undefined;
}

/** A request to the admin port. */
export interface AdminCaller extends Caller {
  readonly method: string;
  readonly path: string;
  readonly host: string | undefined;
  readonly origin: string | undefined;
}

const anonymous: Access = { allowed: true, actor: 'anonymous' };
const realm = 'Bearer realm="handoff"';
/** Any port, since port 0 and forwarded ports are in use; any other name may be one that an attacker has rebound to 127.0.0.1. */
const localHost = /^(localhost|127\.0\.0\.1|\[::1\])(:\d{1,5})?$/i;
const openPaths: ReadonlySet<string> = new Set(['/health/live', '/health/ready']);
const readingMethods: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS']);

const unauthenticated = (detail: string, challenge: string): Access => ({
  allowed: false,
  problem: new ProblemError('unauthenticated', detail, { headers: { 'www-authenticate': challenge } }),
});

/** Compares with every key and never stops early, so that the time taken tells nothing. */
const keyOfSecret = (keys: readonly Key[], secret: string): Key | null => {
  const digest = createHash('sha256').update(secret).digest();
  let found: Key | null = null;
  for (const key of keys) if (timingSafeEqual(key.digest, digest)) found = key;
  return found;
};

/**
 * Whether a caller has a key with the scope; without a keys file everybody has, as `anonymous`.
 * The problem is `unauthenticated` (with WWW-Authenticate) or `forbidden`.
 */
export const checkScope = ({ keys, authorization }: Caller, scope: Scope): Access => {
  if (keys === null) return anonymous;
  const secret = /^Bearer +(\S+) *$/i.exec(authorization ?? '')?.[1];
  if (secret === undefined) return unauthenticated('Send a key: Authorization: Bearer <secret>.', realm);
  const key = keyOfSecret(keys, secret);
  if (key === null) return unauthenticated('The key is not known.', `${realm}, error="invalid_token"`);
  if (key.scopes.has(scope)) return { allowed: true, actor: key.id };
  const headers = { 'www-authenticate': `${realm}, error="insufficient_scope", scope="${scope}"` };
  return { allowed: false, problem: new ProblemError('forbidden', `The key ${key.id} does not have the scope ${scope}.`, { headers }) };
};

/** A page is of this gateway when its origin is the very host that it asks. */
const isOwnOrigin = (origin: string, host: string): boolean => [`http://${host}`, `https://${host}`].includes(origin.toLowerCase());

const checkLocal = ({ host = '', origin }: AdminCaller): Access => {
  if (!localHost.test(host)) {
    return { allowed: false, problem: new ProblemError('forbidden', 'Without a keys file the Host must be localhost, 127.0.0.1 or [::1].') };
  }
  if (origin !== undefined && !isOwnOrigin(origin, host.toLowerCase())) {
    return { allowed: false, problem: new ProblemError('forbidden', 'Without a keys file pages of another origin are refused.') };
  }
  return anonymous;
};

/** The same paths that the router takes for the move: it ignores case and a slash at the end. */
const promotePath = /^\/rollouts\/[^/]+\/promote\/?$/i;

const scopeOf = ({ method, path }: AdminCaller): Scope => {
  if (readingMethods.has(method)) return 'read';
  return promotePath.test(path) ? 'promote' : 'operate';
};

/** Whether a request to the admin port is let in: health for everybody; reading needs the scope `read`, to promote `promote`, anything else `operate`. */
export const checkAdmin = (caller: AdminCaller): Access => {
  if (openPaths.has(caller.path) && readingMethods.has(caller.method)) return anonymous;
  if (caller.keys === null) return checkLocal(caller);
  return checkScope(caller, scopeOf(caller));
};

/**
 * The actor of a caller that is let in.
 * @throws ProblemError unauthenticated or forbidden
 */
export const admitted = (access: Access): string => {
  if (!access.allowed) throw access.problem;
  return access.actor;
};

/** Lets in whoever has the scope; without a keys file everybody. The result throws `unauthenticated` or `forbidden`. */
export const createAuthorizer =
  (keys: readonly Key[] | null, scope: Scope) =>
  (request: IncomingMessage): void =>
    void (keys !== null && admitted(checkScope({ keys, authorization: request.headers.authorization }, scope)));
