import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { type Access, type AdminCaller, admitted, checkAdmin, checkScope } from '../../src/http/access.ts';
import { parseKeys } from '../../src/http/keys-file.ts';

const digestOf = (secret: string) => createHash('sha256').update(secret).digest('hex');
const { keys } = parseKeys('keys', `olga ${digestOf('o-secret')} read,operate\nwatcher ${digestOf('w-secret')} read\napp ${digestOf('a-secret')} infer`);

const outcomeOf = (access: Access): string => (access.allowed ? access.actor : access.problem.type);
const challengeOf = (access: Access): string | undefined => (access.allowed ? undefined : access.problem.headers['www-authenticate']);

const local: AdminCaller = { keys: null, authorization: undefined, method: 'GET', path: '/rollouts', host: 'localhost:8081', origin: undefined };
const admin = (changes: Partial<AdminCaller>): string => outcomeOf(checkAdmin({ ...local, ...changes }));

describe('a scope', () => {
  it.each([
    { authorization: 'Bearer a-secret', scope: 'infer', outcome: 'app' },
    { authorization: 'bearer   a-secret', scope: 'infer', outcome: 'app' },
    { authorization: 'Bearer a-secret', scope: 'outcome', outcome: 'forbidden' },
    { authorization: 'Bearer o-secret', scope: 'promote', outcome: 'forbidden' },
    { authorization: 'Bearer O-secret', scope: 'operate', outcome: 'unauthenticated' },
    { authorization: 'Basic o-secret', scope: 'operate', outcome: 'unauthenticated' },
    { authorization: 'Bearer ', scope: 'operate', outcome: 'unauthenticated' },
    { authorization: `Bearer ${digestOf('o-secret')}`, scope: 'operate', outcome: 'unauthenticated' },
    { authorization: undefined, scope: 'infer', outcome: 'unauthenticated' },
  ] as const)('$scope with $authorization: $outcome', ({ authorization, scope, outcome }) => {
    expect(outcomeOf(checkScope({ keys, authorization }, scope))).toBe(outcome);
  });

  it('is there for everybody without a keys file', () => {
    expect(checkScope({ keys: null, authorization: undefined }, 'infer')).toEqual({ allowed: true, actor: 'anonymous' });
  });

  it('is asked for by a challenge that says what is wrong', () => {
    expect(challengeOf(checkScope({ keys, authorization: undefined }, 'infer'))).toBe('Bearer realm="handoff"');
    expect(challengeOf(checkScope({ keys, authorization: 'Bearer nobody' }, 'infer'))).toContain('error="invalid_token"');
    expect(challengeOf(checkScope({ keys, authorization: 'Bearer a-secret' }, 'read'))).toContain('error="insufficient_scope", scope="read"');
  });
});

describe('the admin port without keys', () => {
  it.each(['localhost', 'localhost:8081', 'LOCALHOST:9', '127.0.0.1', '127.0.0.1:8081', '[::1]', '[::1]:8081'])('lets the host %s in', (host) => {
    expect(admin({ host })).toBe('anonymous');
  });

  it.each(['example.com', 'localhost.example.com', '127.0.0.1.example.com', 'example.com:8081', '127.0.0.2', 'localhost:8081@example.com', '', undefined])(
    'refuses the host %s',
    (host) => {
      expect(admin({ host })).toBe('forbidden');
      expect(admin({ host, path: '/metrics' })).toBe('forbidden');
    },
  );

  it.each([
    { origin: 'http://localhost:8081', outcome: 'anonymous' },
    { origin: 'http://localhost:3000', outcome: 'forbidden' },
    { origin: 'https://example.com', outcome: 'forbidden' },
    { origin: 'null', outcome: 'forbidden' },
  ])('answers a page of $origin with $outcome', ({ origin, outcome }) => {
    expect(admin({ origin })).toBe(outcome);
    expect(admin({ origin, method: 'PUT' })).toBe(outcome);
  });

  it('answers probes by whatever name they call it', () => {
    expect(admin({ host: '10.1.2.3:8081', path: '/health/live' })).toBe('anonymous');
  });
});

describe('the admin port with keys', () => {
  it.each([
    { method: 'GET', authorization: 'Bearer w-secret', outcome: 'watcher' },
    { method: 'HEAD', authorization: 'Bearer w-secret', outcome: 'watcher' },
    { method: 'PUT', authorization: 'Bearer w-secret', outcome: 'forbidden' },
    { method: 'POST', authorization: 'Bearer o-secret', outcome: 'olga' },
    { method: 'DELETE', authorization: 'Bearer w-secret', outcome: 'forbidden' },
    { method: 'GET', authorization: 'Bearer a-secret', outcome: 'forbidden' },
    { method: 'GET', authorization: undefined, outcome: 'unauthenticated' },
  ])('answers $method with $authorization: $outcome', ({ method, authorization, outcome }) => {
    expect(admin({ keys, method, authorization, host: 'handoff.example.com' })).toBe(outcome);
  });

  it.each([
    { path: '/rollouts/card-fraud/promote', secret: 'p-secret', outcome: 'paula' },
    { path: '/rollouts/card-fraud/promote', secret: 'o-secret', outcome: 'forbidden' },
    { path: '/rollouts/card-fraud/PROMOTE/', secret: 'o-secret', outcome: 'forbidden' },
    { path: '/ROLLOUTS/card-fraud/promote', secret: 'o-secret', outcome: 'forbidden' },
    { path: '/rollouts/card-fraud/rollback', secret: 'p-secret', outcome: 'forbidden' },
    { path: '/rollouts/promote/rollback', secret: 'o-secret', outcome: 'olga' },
  ])('answers POST $path with $secret: $outcome', ({ path, secret, outcome }) => {
    const { keys: withPaula } = parseKeys('keys', `olga ${digestOf('o-secret')} read,operate\npaula ${digestOf('p-secret')} promote`);
    expect(admin({ keys: withPaula, method: 'POST', path, authorization: `Bearer ${secret}` })).toBe(outcome);
  });

  it.each([
    { path: '/metrics', outcome: 'unauthenticated' },
    { path: '/health/live', outcome: 'anonymous' },
    { path: '/health/ready', outcome: 'anonymous' },
    { path: '/health/../rollouts', outcome: 'unauthenticated' },
  ])('answers $path to nobody in particular: $outcome', ({ path, outcome }) => {
    expect(admin({ keys, path })).toBe(outcome);
  });
});

it('admits with the actor, or throws the problem', () => {
  expect(admitted({ allowed: true, actor: 'olga' })).toBe('olga');
  expect(() => admitted(checkAdmin({ ...local, host: 'example.com' }))).toThrow('Host');
});
