import { z } from 'zod';
import type { Criterion } from '../bundle/acceptance.ts';
import type { Evaluation } from './evaluation/evaluate.ts';
import type { Report } from './finding.ts';
import { parsedJson } from './parsed-json.ts';
import type { Subject } from './subject.ts';

const file = 'evaluation/metrics.json';

/** Figures are stated with four digits; runtimes differ in the last bits of a score, which may turn one rank. */
const tolerance = 0.002;

const statedSchema = z.looseObject({ cases: z.looseObject({}) });

/** The name under which the training scripts state a metric over the cases, and by how much the mean over cases is to be multiplied; null for one that is not stated. */
const statedAs = (metric: Criterion['metric'], caseCount: number): { readonly key: string; readonly times: number } | null => {
  switch (metric.kind) {
    case 'recallAtPrecision':
      return { key: `recallAtPrecision${metric.precision * 100}`, times: 1 };
    case 'ndcg':
      return { key: `ndcgAt${metric.k}`, times: 1 };
    case 'areaUnderPrecisionRecall':
    case 'accuracy':
      return { key: metric.kind, times: 1 };
    case 'cost':
      return { key: metric.kind, times: caseCount };
    default:
      return null;
  }
};

const agrees = (stated: unknown, measured: number): boolean =>
  typeof stated === 'number' && Math.abs(stated - measured) <= tolerance * Math.max(1, Math.abs(measured));

/** Whether the figures that the bundle states are those that its cases give here. */
export const checkStated = async ({ bundle, text }: Subject, { judgements, cases }: Evaluation, report: Report): Promise<void> => {
  const source = await text(file);
  const json = source === null ? { fault: 'no such file' } : parsedJson(source);
  if ('fault' in json) return report('evaluation-stated', { file, field: '(whole file)', got: json.fault, expected: 'the metrics over cases.jsonl, as JSON' });
  const parsed = statedSchema.safeParse(json.document);
  if (!parsed.success) return report('evaluation-stated', { file, field: 'cases', got: 'nothing', expected: 'the metrics over cases.jsonl' });
  for (const { name, metric } of bundle.acceptance.criteria) {
    const judgement = judgements.find(({ criterion }) => criterion === name);
    const form = statedAs(metric, cases.length);
    if (judgement === undefined || form === null) continue;
    const [stated, measured] = [parsed.data.cases[form.key], judgement.candidate * form.times];
    // What has no value here is said by the criterion itself.
    if (!Number.isFinite(measured)) continue;
    const finding = { file, field: `cases.${form.key}`, got: String(stated ?? 'nothing'), expected: String(Number(measured.toPrecision(5))) };
    report('evaluation-stated', finding, !agrees(stated, measured));
  }
};
