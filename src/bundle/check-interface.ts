import { type Field, type ModelContract, requestFields, type TensorSpec, widthOf } from './contract.ts';
import type { Fault } from './fault.ts';
import type { Manifest, Migration, OutputStep } from './manifest.ts';

const file = 'handoff.yaml';

type Report = (field: string, got: string, expected: string) => void;

const sameList = (left: readonly string[], right: readonly string[]): boolean =>
  left.length === right.length && left.every((value, index) => value === right[index]);

const sameNames = (left: readonly string[], right: readonly string[]): boolean => sameList([...left].sort(), [...right].sort());

const listed = (names: readonly string[], none = 'none'): string => names.join(', ') || none;

type Input = Manifest['interface']['inputs'][number];
type Output = Manifest['interface']['outputs'][number];

/** Whether the manifest's pre- and post-processing fits the contract: same tensors, same fields, same order, same domains. */
export const checkInterface = (manifest: Manifest, contract: ModelContract): readonly Fault[] => {
  const faults: Fault[] = [];
  const report: Report = (field, got, expected) => faults.push({ file, field, got, expected });
  const { inputs, outputs, passThrough } = manifest.interface;
  compareTensors('inputs', { used: inputs, specs: contract.inputs }, report);
  compareTensors('outputs', { used: outputs, specs: contract.outputs }, report);
  for (const [input, spec] of paired(inputs, contract.inputs)) checkInput(input, spec, report);
  for (const [output, spec] of paired(outputs, contract.outputs)) checkOutput(output, spec, report);
  const ids = contract.passThrough.map((field) => field.name);
  if (!sameNames(passThrough, ids)) report('interface.passThrough', listed(passThrough), `${listed(ids)}, as in the contract`);
  checkDerived(manifest, contract, report);
  checkAbstain(manifest, contract, report);
  checkMigration(manifest, contract, report);
  return faults;
};

const compareTensors = (
  side: 'inputs' | 'outputs',
  { used, specs }: { readonly used: readonly { readonly tensor: string }[]; readonly specs: readonly TensorSpec[] },
  report: Report,
): void => {
  const names = used.map(({ tensor }) => tensor);
  const expected = specs.map((spec) => spec.name);
  if (!sameNames(names, expected)) report(`interface.${side}`, names.join(', '), `${expected.join(', ')}, the contract's tensors`);
};

/** What the manifest says of a tensor with what the contract says of it; a tensor that only one of them has is reported elsewhere. */
const paired = <T extends { readonly tensor: string }>(used: readonly T[], specs: readonly TensorSpec[]): readonly (readonly [T, TensorSpec])[] =>
  used.flatMap((entry) => specs.filter((spec) => spec.name === entry.tensor).map((spec) => [entry, spec] as const));

const checkInput = ({ tensor, steps }: Input, spec: TensorSpec, report: Report): void => {
  const below: Report = (field, got, expected) => report(`interface.inputs.${tensor}${field}`, got, expected);
  if (spec.fields.some((field) => field.kind === 'image')) checkImageSteps(steps, spec, below);
  else checkTabularSteps(steps, spec, below);
};

const imageSteps = ['decode', 'crop', 'resize', 'normalise'];

const checkImageSteps = (steps: Input['steps'], spec: TensorSpec, report: Report): void => {
  const names = spec.fields.map((field) => field.name);
  const kinds = steps.flatMap((step) => Object.keys(step));
  const sizes = spec.shape.slice(2);
  if (names.length !== 1) report('', `${names.length} fields in the contract`, '1 field, the image');
  if (!sameList(kinds, imageSteps)) report('', kinds.join(', '), `${imageSteps.join(', ')} for an image field`);
  for (const { field } of steps.flatMap((step) => ('decode' in step ? [step.decode] : []))) {
    if (!names.includes(field)) report('.decode.field', field, names.join(', '));
  }
  for (const { size } of steps.flatMap((step) => ('resize' in step ? [step.resize] : []))) {
    if (sizes.some((side) => side !== size)) report('.resize.size', String(size), `the tensor's ${sizes.join(' x ')}`);
  }
};

const checkTabularSteps = (steps: Input['steps'], spec: TensorSpec, report: Report): void => {
  const names = spec.fields.map((field) => field.name);
  const order = steps.flatMap((step) => ('order' in step ? step.order : []));
  if (!sameList(order, names)) report('.order', listed(order), `${names.join(', ')}, the contract's order`);
  const width = widthOf(spec);
  const isArray = names.length === 1 && spec.fields[0]?.kind === 'array';
  if (!isArray && width !== names.length) report('.order', `${names.length} fields`, `${width}, the tensor's width`);
  checkNulls(steps, spec, report);
  checkText(steps, spec, report);
};

const checkNulls = (steps: Input['steps'], spec: TensorSpec, report: Report): void => {
  const nullable = spec.fields.filter((field) => !field.required).map((field) => field.name);
  const imputes = steps.some((step) => 'impute' in step);
  if (nullable.length > 0 && !imputes) report('.impute', 'no such step', `impute: contract, for ${nullable.join(', ')}`);
  if (nullable.length === 0 && imputes) report('.impute', 'contract', 'no such step: no field may be null');
};

const checkText = (steps: Input['steps'], spec: TensorSpec, report: Report): void => {
  const encoded = new Map(steps.flatMap((step) => ('encode' in step ? Object.entries(step.encode) : [])));
  const texts = spec.fields.filter((field) => field.kind === 'string');
  if (spec.datatype !== 'BYTES') for (const field of texts) checkDomain(field, encoded.get(field.name), report);
  const others = [...encoded.keys()].filter((name) => texts.every((field) => field.name !== name));
  for (const name of others) report(`.encode.${name}`, 'an encoding', 'a text field of that name in the contract');
};

const checkDomain = (field: Field, categories: readonly string[] | undefined, report: Report): void => {
  const domain = (field.validValues ?? []).map(String);
  if (categories === undefined) report(`.encode.${field.name}`, 'nothing', 'a list of categories: text cannot enter a numeric tensor');
  else if (!sameNames(categories, domain)) report(`.encode.${field.name}`, categories.join(', '), `${listed(domain)}, the contract's validValues`);
};

const checkOutput = ({ tensor, steps }: Output, spec: TensorSpec, report: Report): void => {
  const at = `interface.outputs.${tensor}`;
  const width = widthOf(spec);
  const isArray = spec.fields.length === 1 && spec.fields[0]?.kind === 'array';
  if (!isArray && width !== spec.fields.length) report(at, `${spec.fields.length} fields in the contract`, `${width}, the tensor's width`);
  for (const step of steps) {
    if ('threshold' in step && width !== 1) report(`${at}.threshold`, `a tensor of width ${width}`, 'width 1');
    if ('topK' in step && step.topK.k > width) report(`${at}.topK.k`, String(step.topK.k), `at most ${width}`);
  }
};

/** The fields that an output step makes. */
const madeBy = (step: OutputStep): readonly string[] => {
  if ('topK' in step) return [step.topK.output];
  if ('threshold' in step) return [step.threshold.output];
  return 'abstain' in step ? [step.abstain.output] : [];
};

const checkDerived = (manifest: Manifest, contract: ModelContract, report: Report): void => {
  const made = manifest.interface.outputs.flatMap(({ steps }) => steps.flatMap(madeBy));
  const declared = contract.derived.map((field) => field.name);
  if (!sameNames(made, declared)) report('interface.outputs', listed(made, 'no derived field'), `${listed(declared)}, the contract's derived fields`);
};

/** An abstention that can never happen promises what nobody keeps. */
const checkAbstain = (manifest: Manifest, contract: ModelContract, report: Report): void => {
  const hasImage = contract.inputs.some((spec) => spec.fields.some((field) => field.kind === 'image'));
  const abstentions = manifest.interface.outputs.flatMap(({ tensor, steps }) =>
    steps.flatMap((step) => ('abstain' in step ? [{ at: `interface.outputs.${tensor}.abstain`, ...step.abstain }] : [])),
  );
  for (const { at, below, brightnessBelow } of abstentions) {
    if (below === undefined && brightnessBelow === undefined) report(at, 'no limit', 'below or brightnessBelow');
    if (brightnessBelow !== undefined && !hasImage) report(`${at}.brightnessBelow`, String(brightnessBelow), 'no such limit: no input is an image');
  }
};

const scaled: readonly Field['kind'][] = ['number', 'integer'];

const checkMigration = ({ migration }: Manifest, contract: ModelContract, report: Report): void => {
  const kinds = new Map(contract.inputs.flatMap((spec) => spec.fields.map(({ name, kind }) => [name, kind] as const)));
  for (const [index, entry] of migration.entries()) {
    const { field, factor } = entry;
    const at = `migration.${index}`;
    const kind = kinds.get(field);
    if (kind === undefined) report(`${at}.field`, field, `a field of an input tensor (${listed([...kinds.keys()])})`);
    else if (factor !== undefined && !scaled.includes(kind)) report(`${at}.factor`, `${factor} for a field of kind ${kind}`, 'a factor for numbers only');
    if (migration.findIndex((other) => other.field === field) < index) report(`${at}.field`, `${field} again`, 'one entry a field');
    checkOlderName(entry, contract, (name, got, expected) => report(`${at}.${name}`, got, expected));
  }
};

/** An older name that this version has itself would make two fields of one value. */
const checkOlderName = ({ from }: Migration, contract: ModelContract, report: Report): void => {
  if (from !== undefined && requestFields(contract).some(({ name }) => name === from)) report('from', from, 'a name that is no field of this version');
};
