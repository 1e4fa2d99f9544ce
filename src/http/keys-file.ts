import type { Fault } from '../bundle/fault.ts';

/**
 * What a key may do: `infer` and `outcome` on the data port; `read`, `operate` (weights, pauses, rollbacks) and
 * `promote` (give a candidate all traffic) on the admin port.
 */
const scopes = ['infer', 'outcome', 'read', 'operate', 'promote'] as const;
export type Scope = (typeof scopes)[number];

/** One access key. Its secret is known by its SHA-256 only. */
export interface Key {
  /** Shown as the actor of what the key does. */
  readonly id: string;
  /** SHA-256 of the secret, 32 bytes. */
  readonly digest: Uint8Array;
  readonly scopes: ReadonlySet<Scope>;
}

const idFormat = /^[A-Za-z0-9._-]{1,64}$/;
const digestFormat = /^[0-9a-f]{64}$/i;
/** The actor of those who need no key. */
const reservedId = 'anonymous';

const isScope = (name: string): name is Scope => scopes.some((scope) => scope === name);

type Expectation = readonly [field: string, got: string, expected: string];

/** Never shows what stands in the place of the digest: it may be the secret itself. */
const lineFaults = ([id = '', digest, scopeList = '', ...rest]: readonly string[]): readonly Expectation[] => {
  const faults: Expectation[] = [];
  if (!idFormat.test(id) || id === reservedId) faults.push(['id', id, `1 to 64 characters of A-Z a-z 0-9 . _ -, and not ${reservedId}`]);
  if (digest === undefined) faults.push(['sha256', 'nothing', 'the SHA-256 of the secret']);
  else if (!digestFormat.test(digest)) faults.push(['sha256', `${digest.length} characters`, '64 hexadecimal characters']);
  const unknown = scopeList.split(',').filter((name) => !isScope(name));
  if (unknown.length > 0) faults.push(['scopes', unknown.join(',') || 'nothing', `some of ${scopes.join(',')}`]);
  if (rest.length > 0) faults.push(['(whole line)', `${rest.length + 3} words`, 'three: id sha256 scopes']);
  return faults;
};

const keyOf = ([id = '', digest = '', scopeList = '']: readonly string[]): Key => ({
  id,
  digest: Buffer.from(digest, 'hex'),
  scopes: new Set(scopeList.split(',').filter(isScope)),
});

const repeated = (words: readonly string[], seen: Set<string>): readonly Expectation[] => {
  const [id = '', digest = ''] = words;
  const faults: Expectation[] = [];
  if (seen.has(`id ${id}`)) faults.push(['id', `${id} once more`, 'each id once']);
  if (seen.has(`sha256 ${digest.toLowerCase()}`)) faults.push(['sha256', 'one of an earlier line', 'each secret once']);
  seen.add(`id ${id}`).add(`sha256 ${digest.toLowerCase()}`);
  return faults;
};

/**
 * Reads a keys file: one key a line, `id sha256 scopes`, scopes separated by commas; blank lines and lines that begin
 * with # are left out. Lists every fault; keys are to be used only when there is none.
 */
export const parseKeys = (file: string, text: string): { readonly keys: readonly Key[]; readonly faults: readonly Fault[] } => {
  const keys: Key[] = [];
  const faults: Fault[] = [];
  const seen = new Set<string>();
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    const words = line.split(/\s+/).filter((word) => word !== '');
    if (words[0] === undefined || words[0].startsWith('#')) continue;
    const found = lineFaults(words);
    faults.push(
      ...[...found, ...(found.length > 0 ? [] : repeated(words, seen))].map(([field, got, expected]) => ({
        file,
        field: `line ${index + 1}: ${field}`,
        got,
        expected,
      })),
    );
    keys.push(keyOf(words));
  }
  if (keys.length === 0) faults.push({ file, field: '(whole file)', got: 'no key', expected: 'at least one line: id sha256 scopes' });
  return { keys, faults };
};
