import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { type LabelGroups, parseLabelGroups } from '../checklist/evaluation/case-values.ts';

/** One request of a bundle's evaluation sample, with what turned out to be right. */
export interface EvaluationCase {
  readonly id: string;
  readonly inputs: readonly Readonly<Record<string, unknown>>[];
  readonly labels: readonly unknown[];
}

const shape = z.object({ id: z.string(), inputs: z.array(z.record(z.string(), z.unknown())).min(1), labels: z.array(z.unknown()).default([]) });

const file = 'evaluation/cases.jsonl';

/** Which classes count as a label; a bundle without the file has none. */
export const readGroups = async (folder: string): Promise<LabelGroups> => {
  const source = await readFile(join(folder, 'evaluation/label-groups.json'), 'utf8').catch(() => null);
  return source === null ? new Map() : parseLabelGroups(source);
};

/** The evaluation cases of a bundle's folder. Rejects for a file that is not there or a line that is no case. */
export const readCases = async (folder: string): Promise<readonly EvaluationCase[]> => {
  const lines = (await readFile(join(folder, file), 'utf8')).split('\n');
  return lines.flatMap((line, index) => {
    if (line.trim() === '') return [];
    const parsed = shape.safeParse(JSON.parse(line));
    if (!parsed.success) throw new Error(`${file}: line ${index + 1} is no evaluation case`);
    return [parsed.data];
  });
};
