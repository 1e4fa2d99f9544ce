import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { parse } from 'yaml';
import { type Fault, faultsOf } from '../bundle/fault.ts';
import { planSchema } from './plan.ts';
import type { PlanFile } from './settle-plan.ts';

/** The plans of a folder that hold, and what is wrong with the others. */
export interface PlanReading {
  readonly plans: readonly PlanFile[];
  readonly faults: readonly Fault[];
}

const unreadable = (file: string, error: unknown, expected: string): PlanReading => {
  const [got = expected] = error instanceof Error ? error.message.split('\n') : [];
  return { plans: [], faults: [{ file, field: '(whole file)', got, expected }] };
};

const readPlan = async (folder: string, name: string): Promise<PlanReading> => {
  const file = `${basename(folder)}/${name}`;
  const bytes = await readFile(join(folder, name)).catch((error: unknown) => unreadable(file, error, 'a file that can be read'));
  return Buffer.isBuffer(bytes) ? parsePlan(file, bytes) : bytes;
};

const parsePlan = (file: string, bytes: Buffer): PlanReading => {
  let document: unknown;
  try {
    document = parse(bytes.toString('utf8'), { uniqueKeys: true });
  } catch (error) {
    return unreadable(file, error, 'YAML');
  }
  const parsed = planSchema.safeParse(document);
  if (!parsed.success) return { plans: [], faults: faultsOf(file, document, parsed.error) };
  return { plans: [{ file, plan: parsed.data, digest: createHash('sha256').update(bytes).digest('hex') }], faults: [] };
};

/** Reads every `*.yaml` of the folder; a folder that is not there has no plans. */
export const readPlans = async (folder: string): Promise<PlanReading> => {
  const names = (await readdir(folder).catch(() => [])).filter((name) => name.endsWith('.yaml')).sort();
  const readings = await Promise.all(names.map((name) => readPlan(folder, name)));
  return { plans: readings.flatMap((reading) => reading.plans), faults: readings.flatMap((reading) => reading.faults) };
};
