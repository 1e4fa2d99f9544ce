import { z } from 'zod';
import { checkDocument } from '../bundle/fault.ts';
import { parsedJson } from './parsed-json.ts';
import type { RuleGroup } from './subject.ts';

const file = 'baseline.json';

const distribution = z
  .looseObject({ edges: z.array(z.number()).min(2), shares: z.array(z.number().min(0).max(1)).min(1) })
  .refine(
    ({ edges, shares }) => edges.length === shares.length + 1 && Math.abs(shares.reduce((sum, share) => sum + share, 0) - 1) < 0.01,
    'one share a bin, 1 in all',
  );

/** `baseline.json`: the distributions with which later ones are compared. */
const baselineSchema = z.looseObject({
  source: z.string().min(1),
  rows: z.int().min(1),
  fields: z.record(z.string(), distribution),
  outputs: z.record(z.string(), distribution),
});

/** Whether there is a reference for every drift rule. */
export const checkDriftBaseline: RuleGroup = async ({ bundle, text }, report) => {
  const source = await text(file);
  if (source === null) return report('drift-baseline', { file, field: '(whole file)', got: 'no such file', expected: 'distributions of the training data' });
  const json = parsedJson(source);
  if ('fault' in json) return report('drift-baseline', { file, field: '(whole file)', got: json.fault, expected: 'JSON' });
  const { value, faults } = checkDocument(baselineSchema, file, json.document);
  for (const fault of faults) report('drift-baseline', fault);
  if (value === null) return;
  for (const { field } of bundle.manifest.monitoring.drift)
    if (!(field in value.fields))
      report('drift-baseline', { file, field: `fields.${field}`, got: 'nothing', expected: 'a distribution, since handoff.yaml watches its drift' });
};
