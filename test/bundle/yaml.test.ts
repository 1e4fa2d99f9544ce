import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { parsedYaml, parsedYamls, parseYaml } from '../../src/bundle/yaml.ts';

const repository = new URL('../../', import.meta.url).pathname;

describe('reading YAML', () => {
  it.each([
    ['a day stays text', 'a: 2026-01-01', { a: '2026-01-01' }],
    ['yes is no truth value', 'a: yes', { a: 'yes' }],
    ['neither in a document of YAML 1.1', '%YAML 1.1\n---\na: yes', { a: 'yes' }],
    ['an underscore is part of no number', 'a: 1_000', { a: '1_000' }],
    ['an octal number', 'a: 0o17', { a: 15 }],
    ['a zero in front means nothing', 'a: 017', { a: 17 }],
    ['no number at all', 'a: .nan', { a: Number.NaN }],
    ['nothing', 'a: ~', { a: null }],
    ['a merge key is a key', '<<: { a: 1 }', { '<<': { a: 1 } }],
  ])('%s', (_, text, document) => expect(parseYaml(text)).toEqual(document));

  it('a key of the prototype is a key', () => {
    expect(Object.keys(parseYaml('__proto__: { x: 1 }') as object)).toEqual(['__proto__']);
  });

  it.each([
    ['a key twice', 'a: 1\na: 2', 'duplicated mapping key (2:1)'],
    ['a tag', 'a: !secret b', 'unknown scalar tag !<!secret> (1:4)'],
    ['two documents', '--- 1\n--- 2', 'expected a single document in the stream, but found more'],
    ['no document', '# later\n', 'expected a document, but the input is empty'],
    ['an unknown alias', 'a: *b', 'unidentified alias "b" (1:5)'],
    ['a list that does not end', 'a: [1,', 'unexpected end of the stream within a flow collection (1:7)'],
  ])('%s is said in words, on one line', (_, text, fault) => expect(parsedYaml(text)).toEqual({ fault }));

  it('several documents', () => {
    expect(parsedYamls('--- 1\n--- 2')).toEqual({ document: [1, 2] });
    expect(parsedYamls('a: [')).toEqual({ fault: 'unexpected end of the stream within a flow collection (1:5)' });
  });

  it('every document of the examples reads as by another reader', () => {
    const files = globSync(['models/*/*/*.yaml', 'rollout/*.yaml'], { cwd: repository }).filter((file) => !file.endsWith('slo.openslo.yaml'));
    expect(files.length).toBeGreaterThan(20);
    for (const file of files) {
      const text = readFileSync(join(repository, file), 'utf8');
      expect(parsedYaml(text), file).toEqual({ document: parse(text) });
    }
  });
});
