import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { environmentName, type SettingName, secretSettings, settingsSchema } from '../../src/settings.ts';
import { markdownTable } from '../support/markdown-table.ts';

const unitOf = (name: SettingName): string => {
  if (name.endsWith('Bytes')) return 'bytes';
  if (name.endsWith('Ms')) return 'milliseconds';
  return name.endsWith('Requests') ? 'requests' : '-';
};

const rowOf = (name: SettingName): readonly string[] => {
  const field = settingsSchema.shape[name];
  const flag = name.replaceAll(/[A-Z]/g, '-$&').toLowerCase();
  const standard = field.safeParse(undefined).data;
  return [
    secretSettings.includes(name) ? '-' : `--${flag}`,
    environmentName(name),
    standard === undefined ? 'none' : String(standard),
    unitOf(name),
    (field.description ?? '').replaceAll('`', ''),
  ];
};

test('docs/settings.md lists every setting as the code has it', () => {
  const names = Object.keys(settingsSchema.shape) as SettingName[];
  const documented = markdownTable(readFileSync('docs/settings.md', 'utf8'), 'flag');
  expect(documented).toEqual(names.map(rowOf));
});
