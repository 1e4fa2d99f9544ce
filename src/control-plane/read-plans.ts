import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { checkDocument, type Fault } from '../bundle/fault.ts';
import { parsedYaml } from '../bundle/yaml.ts';
import { planSchema } from './plan.ts';
import type { BrokenPlan, PlanFile } from './settle-plan.ts';

/** The plans of a folder that hold, and what is wrong with the others. */
export interface PlanReading {
  readonly plans: readonly PlanFile[];
  readonly broken: readonly BrokenPlan[];
  readonly faults: readonly Fault[];
}

/** What a line of the text says of a key: enough of a file that cannot be read as a whole. */
const saidOf = (key: string, text: string): string | null => new RegExp(`^${key}:[ \\t]*["']?([A-Za-z0-9][A-Za-z0-9.+-]*)`, 'm').exec(text)?.[1] ?? null;

/** A file is for the model that it names, or that it is named after: the typo may be in either. */
const brokenPlan = (file: string, text: string): BrokenPlan => {
  const named = saidOf('model', text);
  return { file, models: [...(named === null ? [] : [named]), basename(file, '.yaml')], baseline: saidOf('baseline', text) };
};

const readPlan = async (folder: string, name: string): Promise<PlanReading> => {
  const file = `${basename(folder)}/${name}`;
  try {
    return parsePlan(file, await readFile(join(folder, name)));
  } catch (error) {
    return unreadable(file, { broken: brokenPlan(file, ''), got: wordsOf(error), expected: 'a file that can be read' });
  }
};

const parsePlan = (file: string, bytes: Buffer): PlanReading => {
  const text = bytes.toString('utf8');
  const broken = brokenPlan(file, text);
  const yaml = parsedYaml(text);
  if ('fault' in yaml) return unreadable(file, { broken, got: yaml.fault, expected: 'YAML' });
  const { value: plan, faults } = checkDocument(planSchema, file, yaml.document);
  if (plan === null) return { plans: [], broken: [broken], faults };
  return { plans: [{ file, plan, digest: createHash('sha256').update(bytes).digest('hex') }], broken: [], faults };
};

interface Unreadable {
  readonly broken: BrokenPlan;
  readonly got: string;
  readonly expected: string;
}

const unreadable = (file: string, { broken, got, expected }: Unreadable): PlanReading => ({
  plans: [],
  broken: [broken],
  faults: [{ file, field: '(whole file)', got, expected }],
});

const wordsOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

const namesIn = async (folder: string): Promise<readonly string[]> => {
  try {
    return await readdir(folder);
  } catch (error) {
    if (error instanceof Error && Reflect.get(error, 'code') === 'ENOENT') return [];
    throw error;
  }
};

/** Reads every `*.yaml` of the folder; a folder that is not there has no plans, one that cannot be read may have one of any model. */
export const readPlans = async (folder: string): Promise<PlanReading> => {
  try {
    const names = (await namesIn(folder)).filter((name) => name.endsWith('.yaml')).sort();
    const readings = await Promise.all(names.map((name) => readPlan(folder, name)));
    return {
      plans: readings.flatMap(({ plans }) => plans),
      broken: readings.flatMap(({ broken }) => broken),
      faults: readings.flatMap(({ faults }) => faults),
    };
  } catch (error) {
    const file = basename(folder);
    return unreadable(file, { broken: { file, models: 'any', baseline: null }, got: wordsOf(error), expected: 'a folder that can be read' });
  }
};
