import { z } from 'zod';
import { checkDocument } from '../bundle/fault.ts';
import { parsedYaml } from '../bundle/yaml.ts';
import type { Report } from './finding.ts';
import { type CodeBlock, codeBlocks, sectionsOf, tablesOf } from './markdown.ts';
import type { RuleGroup } from './subject.ts';

const file = 'README.md';

/** @see https://huggingface.co/docs/hub/model-cards (metadata) */
const frontMatterSchema = z.looseObject({
  license: z.string().min(1),
  library_name: z.literal('onnx'),
  tags: z.array(z.string()).min(1),
  metrics: z.array(z.string()).min(1),
  'model-index': z
    .array(
      z.looseObject({
        name: z.string().min(1),
        results: z
          .array(
            z.looseObject({
              task: z.looseObject({ type: z.string() }),
              dataset: z.looseObject({ type: z.string(), name: z.string() }),
              metrics: z.array(z.looseObject({ type: z.string(), value: z.union([z.number(), z.string()]) })).min(1),
            }),
          )
          .min(1),
      }),
    )
    .min(1),
});

/** Sections of the annotated model card template; each must say something. */
const sections = [
  'Model Details',
  'Uses',
  'Bias, Risks and Limitations',
  'How to Get Started',
  'Training Details',
  'Evaluation',
  'Environmental Impact',
  'Technical Specifications',
  'Citation',
  'Model Card Contact',
];

/** What the next team needs beside the card, by the heading under which it is found. */
const handoffSections = ['Data schema', 'Monitoring', 'Rollout and rollback'];

/** `---` and a line end before and after it. */
const frontMatterFences = 8;

const frontMatterOf = (source: string): string | null => /^---\n([\s\S]*?)\n---\n/.exec(source)?.[1] ?? null;

const checkFrontMatter = (head: string | null, report: Report): void => {
  const yaml = head === null ? { fault: 'no front matter' } : parsedYaml(head);
  if ('fault' in yaml) {
    report('card-front-matter', { file, field: '(front matter)', got: yaml.fault, expected: 'YAML between --- lines' });
    return;
  }
  for (const fault of checkDocument(frontMatterSchema, file, yaml.document).faults) report('card-front-matter', fault);
};

const isDiagram = ({ language, code }: CodeBlock): boolean => language === 'mermaid' || (language === '' && /[─▶→]|-->|->/.test(code));
const isShell = ({ language }: CodeBlock): boolean => /^(sh|bash|console)$/.test(language);

/** What the next team needs beside the card, each with whether it is there. */
const handoffParts = (body: string, script: string): readonly { readonly field: string; readonly there: boolean; readonly expected: string }[] => {
  const found = sectionsOf(body);
  const blocks = codeBlocks(body);
  return [
    ...handoffSections.map((field) => ({ field, there: (found.get(field) ?? '') !== '', expected: 'a section with text' })),
    { field: 'diagram', there: blocks.some(isDiagram), expected: 'a diagram of the data flow' },
    { field: 'reproduction', there: blocks.some((block) => isShell(block) && block.code.includes(script)), expected: 'the commands that rebuild the model' },
    { field: 'artifacts', there: tablesOf(body).some(({ rows }) => rows.some((row) => row[0]?.includes('model.onnx'))), expected: 'a table of the artifacts' },
    { field: 'metrics', there: tablesOf(found.get('Evaluation') ?? '').length > 0, expected: 'a table under Evaluation' },
  ];
};

/** The README as model card and as handoff document. */
export const checkModelCard: RuleGroup = async ({ bundle, text }, report) => {
  const source = (await text(file)) ?? '';
  const head = frontMatterOf(source);
  checkFrontMatter(head, report);
  const body = head === null ? source : source.slice(head.length + frontMatterFences);
  const found = sectionsOf(body);
  for (const section of sections) {
    const got = found.has(section) ? 'an empty section' : 'no such section';
    report('card-sections', { file, field: section, got, expected: 'a section with text' }, (found.get(section) ?? '') === '');
  }
  for (const { field, there, expected } of handoffParts(body, bundle.manifest.training?.script ?? ''))
    report('card-handoff', { file, field, got: 'nothing', expected }, !there);
};
