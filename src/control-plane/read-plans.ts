import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { checkDocument, type Fault } from '../bundle/fault.ts';
import { parsedYaml } from '../bundle/yaml.ts';
import { planSchema } from './plan.ts';
import { agreed, type BrokenPlan, type PlanFile } from './settle-plan.ts';

/** The plans of a folder that hold, and what is wrong with the others. */
export interface PlanReading {
  readonly plans: readonly PlanFile[];
  readonly broken: readonly BrokenPlan[];
  readonly faults: readonly Fault[];
}

/** A plan file as far as it could be read. */
interface Sight {
  readonly text: string;
  /** Absent when the text is no YAML. */
  readonly document?: unknown;
}

/** All that is said of a key: by the document or, when that is none of keys and values, by what looks like the key in the text. */
const saidOf = (key: string, { text, document }: Sight): readonly string[] => {
  if (typeof document === 'object' && document !== null && !Array.isArray(document)) {
    const value: unknown = Reflect.get(document, key);
    return typeof value === 'string' ? [value] : [];
  }
  const said = text.matchAll(new RegExp(`(?:^|[{,])[ \\t\\uFEFF-]*["']?${key}["']?[ \\t]*:[ \\t]*["']?([A-Za-z0-9][A-Za-z0-9.+-]*)`, 'gm'));
  return [...said].flatMap(([, value]) => value ?? []);
};

/** What is meant as a plan, also where its ending is none. */
const planLike = /\.ya?ml$/i;
const ending = '.yaml';

/** A file is for the model that it names, or that it is named after: the typo may be in either. */
const brokenPlan = (file: string, sight: Sight): BrokenPlan => ({
  file,
  models: [...new Set([...saidOf('model', sight), basename(file).replace(planLike, '')])],
  baseline: agreed(saidOf('baseline', sight)),
});

const readPlan = async (folder: string, name: string): Promise<PlanReading> => {
  const file = `${basename(folder)}/${name}`;
  try {
    return parsePlan(file, await readFile(join(folder, name)));
  } catch (error) {
    return unreadable(file, { broken: brokenPlan(file, { text: '' }), got: wordsOf(error), expected: 'a file that can be read' });
  }
};

const readMisnamed = async (folder: string, name: string): Promise<PlanReading> => {
  const file = `${basename(folder)}/${name}`;
  const sight = await readFile(join(folder, name)).then(sightOf, () => ({ text: '' }));
  return unreadable(file, { broken: brokenPlan(file, sight), got: `the name ${name}`, expected: `a name that ends in ${ending}` });
};

const sightOf = (bytes: Buffer): Sight => {
  const text = bytes.toString('utf8');
  const yaml = parsedYaml(text);
  return 'fault' in yaml ? { text } : { text, document: yaml.document };
};

const parsePlan = (file: string, bytes: Buffer): PlanReading => {
  const text = bytes.toString('utf8');
  const yaml = parsedYaml(text);
  if ('fault' in yaml) return unreadable(file, { broken: brokenPlan(file, { text }), got: yaml.fault, expected: 'YAML' });
  const { value: plan, faults } = checkDocument(planSchema, file, yaml.document);
  if (plan === null) return { plans: [], broken: [brokenPlan(file, { text, document: yaml.document })], faults };
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

const isNamed = (name: string): boolean => name.endsWith(ending);

const joined = (readings: readonly PlanReading[]): PlanReading => ({
  plans: readings.flatMap(({ plans }) => plans),
  broken: readings.flatMap(({ broken }) => broken),
  faults: readings.flatMap(({ faults }) => faults),
});

/** Reads every `*.yaml` of the folder; a file that is nearly named so is none, and said to be. A folder that is not there has no plans, one that cannot be read may have one of any model. */
export const readPlans = async (folder: string): Promise<PlanReading> => {
  try {
    const names = (await namesIn(folder)).filter((name) => planLike.test(name)).sort();
    const whole = joined(await Promise.all(names.filter(isNamed).map((name) => readPlan(folder, name))));
    const misnamed = joined(await Promise.all(names.filter((name) => !isNamed(name)).map((name) => readMisnamed(folder, name))));
    // Beside the plan that holds it is a copy; without one it is the plan that somebody meant.
    const meant = misnamed.broken.filter(({ models }) => !whole.plans.some(({ plan }) => models.includes(plan.model)));
    return { plans: whole.plans, broken: [...whole.broken, ...meant], faults: [...whole.faults, ...misnamed.faults] };
  } catch (error) {
    const file = basename(folder);
    return unreadable(file, { broken: { file, models: 'any', baseline: null }, got: wordsOf(error), expected: 'a folder that can be read' });
  }
};
