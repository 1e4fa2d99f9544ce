import { toBeFilledIn } from '../bundle/draft-contract.ts';
import type { Fault } from '../bundle/fault.ts';
import type { GoldenResult } from '../data-plane/inference/run-golden.ts';
import type { Report, RuleId } from './finding.ts';
import type { RuleGroup } from './subject.ts';

/** The rule that a fault of reading or opening a bundle breaks. */
const ruleOfFault = (fault: Fault): RuleId => (fault.file.startsWith('golden/') ? ruleOfGolden(fault) : ruleOfArtifact(fault));

const isAboutFile = ({ field, got }: Fault): boolean => field === 'sha256' || got === 'no such file' || got.endsWith('that the manifest does not list');

const ruleOfGolden = (fault: Fault): RuleId => {
  if (isAboutFile(fault)) return 'golden-digest';
  return fault.field.startsWith('#') ? 'golden-answer' : 'golden-valid';
};

const ruleOfArtifact = ({ file, field, got }: Fault): RuleId => {
  if (got === 'no regular file') return 'artifact-regular';
  if (got === 'a file that the manifest does not list') return 'artifact-unlisted';
  if (field === 'sha256') return 'artifact-digest';
  return got === 'no such file' ? 'artifact-missing' : ruleOfFile(file, field);
};

const ruleOfFile = (file: string, field: string): RuleId => {
  switch (file) {
    case 'handoff.yaml':
      return field.startsWith('interface.') ? 'interface-contract' : 'manifest-valid';
    case 'contract.odcs.yaml':
      return 'contract-readable';
    case 'acceptance.yaml':
      return 'acceptance-valid';
    case 'model.onnx':
      return /^(inputs|outputs)\./.test(field) ? 'contract-graph' : 'graph-loads';
    default:
      return 'labels-fit';
  }
};

/** Golden cases that hold by construction: the runtime that they test made their answers. */
export const checkGoldenSource: RuleGroup = ({ bundle }, report) => {
  for (const { file, golden } of bundle.golden)
    if (golden.source.startsWith('the runtime itself'))
      report('golden-source', { file: `golden/${file}`, field: 'source', got: golden.source, expected: 'another source than the runtime' });
};

/** How long a quoted place is at most. */
const quoted = 60;

/** Every place at which a person has still to decide. */
export const checkFilledIn: RuleGroup = async ({ bundle, text }, report) => {
  for (const file of ['handoff.yaml', ...bundle.manifest.artifacts.map(({ path }) => path)].filter((path) => /\.(ya?ml|md|json)$/.test(path))) {
    const lines = ((await text(file)) ?? '').split('\n');
    for (const [index, line] of lines.entries())
      if (line.includes(toBeFilledIn))
        report('filled-in', { file, field: `line ${index + 1}`, got: line.trim().slice(0, quoted), expected: 'what it asks for' });
  }
};

/** The faults of reading and opening, as findings. */
export const reportFaults = (faults: readonly Fault[], report: Report): void => {
  for (const fault of faults) report(ruleOfFault(fault), fault);
};

/** How many golden cases hold. */
export const countGolden = (golden: readonly GoldenResult[]): { readonly passed: number; readonly total: number } => ({
  passed: golden.filter(({ ok }) => ok).length,
  total: golden.length,
});
