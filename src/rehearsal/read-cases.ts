import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';

/** One request of a bundle's evaluation sample, with what turned out to be right. */
export interface EvaluationCase {
  readonly id: string;
  readonly inputs: readonly Readonly<Record<string, unknown>>[];
  readonly labels: readonly unknown[];
}

const shape = z.object({ id: z.string(), inputs: z.array(z.record(z.string(), z.unknown())).min(1), labels: z.array(z.unknown()).default([]) });

const file = 'evaluation/cases.jsonl';

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
