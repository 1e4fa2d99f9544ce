import { readFile } from 'node:fs/promises';
import type { DraftTemplates } from '../bundle/draft-bundle.ts';

const folder = new URL('../../templates/', import.meta.url);
const files = ['README.md', 'RUNBOOK.md', 'acceptance.yaml', 'slo.openslo.yaml'];

/** The documents of a first bundle, before they know their model. */
export const readTemplates = async (): Promise<DraftTemplates> =>
  Object.fromEntries(await Promise.all(files.map(async (file) => [file, await readFile(new URL(file, folder), 'utf8')] as const)));
