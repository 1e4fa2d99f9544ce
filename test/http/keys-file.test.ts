import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { parseKeys } from '../../src/http/keys-file.ts';

const digestOf = (secret: string) => createHash('sha256').update(secret).digest('hex');

describe('a keys file', () => {
  it('gives a key a line, without blank lines and comments', () => {
    const text = `# operators\n\nolga ${digestOf('one')} read,operate\r\n  ci\t${digestOf('two').toUpperCase()}  infer,outcome  \n`;
    const { keys, faults } = parseKeys('keys', text);
    expect(faults).toEqual([]);
    expect(keys).toEqual([
      { id: 'olga', digest: Buffer.from(digestOf('one'), 'hex'), scopes: new Set(['read', 'operate']) },
      { id: 'ci', digest: Buffer.from(digestOf('two'), 'hex'), scopes: new Set(['infer', 'outcome']) },
    ]);
  });

  it('is refused with every fault, and shows nothing that may be a secret', () => {
    const text = ['olga my-plain-secret read', `a/b ${digestOf('x')} read`, 'bare', `anonymous ${digestOf('y')} read,rule two many`].join('\n');
    expect(parseKeys('keys', text).faults).toEqual([
      { file: 'keys', field: 'line 1: sha256', got: '15 characters', expected: '64 hexadecimal characters' },
      { file: 'keys', field: 'line 2: id', got: 'a/b', expected: expect.stringContaining('A-Z') },
      { file: 'keys', field: 'line 3: sha256', got: 'nothing', expected: 'the SHA-256 of the secret' },
      { file: 'keys', field: 'line 3: scopes', got: 'nothing', expected: 'some of infer,outcome,read,operate,promote' },
      { file: 'keys', field: 'line 4: id', got: 'anonymous', expected: expect.stringContaining('not anonymous') },
      { file: 'keys', field: 'line 4: scopes', got: 'rule', expected: 'some of infer,outcome,read,operate,promote' },
      { file: 'keys', field: 'line 4: (whole line)', got: '5 words', expected: 'three: id sha256 scopes' },
    ]);
  });

  it('is refused when an id or a secret stands twice', () => {
    const text = `olga ${digestOf('one')} read\nolga ${digestOf('two')} read\npiet ${digestOf('one')} read`;
    expect(parseKeys('keys', text).faults.map(({ field, got }) => `${field}: ${got}`)).toEqual([
      'line 2: id: olga once more',
      'line 3: sha256: one of an earlier line',
    ]);
  });

  it.each(['', '\n# nobody\n'])('is refused when it holds no key: %j', (text) => {
    expect(parseKeys('keys', text).faults).toEqual([{ file: 'keys', field: '(whole file)', got: 'no key', expected: expect.any(String) }]);
  });
});
