import { z } from 'zod';
import { checkDocument } from '../bundle/fault.ts';
import { parsedYamls } from '../bundle/yaml.ts';
import type { Report } from './finding.ts';
import type { RuleGroup, Subject } from './subject.ts';

const file = 'slo.openslo.yaml';

const metricSource = z.strictObject({
  metricSource: z.strictObject({ type: z.literal('Prometheus'), spec: z.strictObject({ query: z.string().min(1) }) }),
});

/** The part of OpenSLO v1 that is used here: a ratio of Prometheus counters over a rolling window. @see https://github.com/OpenSLO/OpenSLO */
const sloSchema = z.strictObject({
  apiVersion: z.literal('openslo/v1'),
  kind: z.literal('SLO'),
  metadata: z.strictObject({
    name: z.string().regex(/^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/, 'expected a name of lower-case letters, digits and -'),
    displayName: z.string().optional(),
  }),
  spec: z.strictObject({
    description: z.string().optional(),
    service: z.string().min(1),
    indicator: z.strictObject({
      metadata: z.strictObject({ name: z.string().min(1) }),
      spec: z.strictObject({ ratioMetric: z.strictObject({ counter: z.literal(true), good: metricSource, total: metricSource }) }),
    }),
    timeWindow: z.array(z.strictObject({ duration: z.string().regex(/^\d+[dwhm]$/, 'expected a duration like 30d'), isRolling: z.boolean() })).length(1),
    budgetingMethod: z.enum(['Occurrences', 'Timeslices', 'RatioTimeslices']),
    objectives: z.array(z.strictObject({ displayName: z.string().optional(), target: z.number().gt(0).lt(1) })).min(1),
  }),
});

const functions =
  /^(sum|rate|increase|by|le|or|and|on|ignoring|group_left|histogram_quantile|max|min|avg|count|model|version|arm|result|clamp_min|vector|unless)$/;

/** Names in a query that should be metrics: what is neither a function nor a label. */
const metricsIn = (query: string): readonly string[] =>
  [
    ...query
      .replace(/\{[^}]*\}/g, '')
      .replace(/\[[^\]]*\]/g, '')
      .matchAll(/[a-zA-Z_:][a-zA-Z0-9_:]*/g),
  ]
    .map(([name]) => name)
    .filter((name) => !functions.test(name));

type Slo = z.infer<typeof sloSchema>;

const queriesOf = ({ spec }: Slo): readonly string[] => {
  const { good, total } = spec.indicator.spec.ratioMetric;
  return [good.metricSource.spec.query, total.metricSource.spec.query];
};

const checkQuery = (name: string, query: string, { subject: { bundle, vocabulary }, report }: { readonly subject: Subject; readonly report: Report }): void => {
  const finding = { file, field: name };
  for (const metric of metricsIn(query))
    report('slo-measured', { ...finding, got: metric, expected: 'a metric of the gateway' }, !vocabulary.metricNames.has(metric));
  const labels = [`model="${bundle.model}"`, `version="${bundle.version}"`];
  report('slo-measured', { ...finding, got: query, expected: labels.join(' and ') }, !labels.every((label) => query.includes(label)));
};

/** The objectives that are objectives; faults of the others are reported. */
const readObjectives = (source: string, report: Report): readonly Slo[] => {
  const yaml = parsedYamls(source);
  if ('fault' in yaml) {
    report('slo-valid', { file, field: '(whole file)', got: yaml.fault, expected: 'YAML' });
    return [];
  }
  return yaml.document.flatMap((document) => {
    const { value, faults } = checkDocument(sloSchema, file, document);
    for (const fault of faults) report('slo-valid', fault);
    return value ?? [];
  });
};

/** Objectives that can be computed from what the gateway measures, and that promise what the budget promises. */
export const checkSlo: RuleGroup = async (subject, report) => {
  const { bundle, text } = subject;
  const source = await text(file);
  if (source === null) return report('slo-valid', { file, field: '(whole file)', got: 'no such file', expected: 'objectives in OpenSLO v1' });
  const objectives = readObjectives(source, report);
  for (const objective of objectives) {
    const { metadata, spec } = objective;
    report('slo-valid', { file, field: `${metadata.name}.spec.service`, got: spec.service, expected: bundle.model }, spec.service !== bundle.model);
    for (const query of queriesOf(objective)) checkQuery(metadata.name, query, { subject, report });
  }
  const bounds = objectives.flatMap(queriesOf).flatMap((query) => [...query.matchAll(/le="([0-9.]+)"/g)].map(([, bound]) => Number(bound) * 1_000));
  const { latencyP95Ms } = bundle.manifest.budgets;
  report(
    'slo-agrees',
    { file, field: 'le', got: `${bounds.join(', ') || 'no'} ms`, expected: `${latencyP95Ms} ms, as budgets.latencyP95Ms` },
    !bounds.includes(latencyP95Ms),
  );
};
