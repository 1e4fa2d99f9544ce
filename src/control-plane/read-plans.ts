import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { checkDocument, type Fault } from '../bundle/fault.ts';
import { parsedYaml } from '../bundle/yaml.ts';
import { planSchema } from './plan.ts';
import type { PlanFile } from './settle-plan.ts';

/** The plans of a folder that hold, and what is wrong with the others. */
export interface PlanReading {
  readonly plans: readonly PlanFile[];
  readonly faults: readonly Fault[];
}

const unreadable = (file: string, got: string, expected: string): PlanReading => ({ plans: [], faults: [{ file, field: '(whole file)', got, expected }] });

const readPlan = async (folder: string, name: string): Promise<PlanReading> => {
  const file = `${basename(folder)}/${name}`;
  const bytes = await readFile(join(folder, name)).catch((error: Error) => unreadable(file, error.message, 'a file that can be read'));
  return Buffer.isBuffer(bytes) ? parsePlan(file, bytes) : bytes;
};

const parsePlan = (file: string, bytes: Buffer): PlanReading => {
  const yaml = parsedYaml(bytes.toString('utf8'));
  if ('fault' in yaml) return unreadable(file, yaml.fault, 'YAML');
  const { value: plan, faults } = checkDocument(planSchema, file, yaml.document);
  return { plans: plan === null ? [] : [{ file, plan, digest: createHash('sha256').update(bytes).digest('hex') }], faults };
};

/** Reads every `*.yaml` of the folder; a folder that is not there has no plans. */
export const readPlans = async (folder: string): Promise<PlanReading> => {
  const names = (await readdir(folder).catch(() => [])).filter((name) => name.endsWith('.yaml')).sort();
  const readings = await Promise.all(names.map((name) => readPlan(folder, name)));
  return { plans: readings.flatMap((reading) => reading.plans), faults: readings.flatMap((reading) => reading.faults) };
};
