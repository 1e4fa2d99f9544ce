import type { Field, ModelContract, TensorSpec } from './contract.ts';
import type { Fault } from './fault.ts';
import type { Manifest } from './manifest.ts';

const file = 'handoff.yaml';

type Report = (field: string, got: string, expected: string) => void;

const sameList = (left: readonly string[], right: readonly string[]): boolean =>
  left.length === right.length && left.every((value, index) => value === right[index]);

/** Whether the manifest's pre- and post-processing fits the contract: same tensors, same fields, same order, same domains. */
export const checkInterface = (manifest: Manifest, contract: ModelContract): readonly Fault[] => {
  const faults: Fault[] = [];
  const report: Report = (field, got, expected) => faults.push({ file, field, got, expected });
  const { inputs, outputs, passThrough } = manifest.interface;
  compareNames(
    'interface.inputs',
    inputs.map((input) => input.tensor),
    { specs: contract.inputs, report },
  );
  compareNames(
    'interface.outputs',
    outputs.map((output) => output.tensor),
    { specs: contract.outputs, report },
  );
  for (const input of inputs) {
    const spec = contract.inputs.find((tensor) => tensor.name === input.tensor);
    if (spec !== undefined) checkInput(input, spec, report);
  }
  for (const output of outputs) {
    const spec = contract.outputs.find((tensor) => tensor.name === output.tensor);
    if (spec !== undefined) checkOutput(output, spec, report);
  }
  const ids = contract.passThrough.map((field) => field.name);
  if (!sameList([...passThrough].sort(), [...ids].sort()))
    report('interface.passThrough', passThrough.join(', ') || 'none', `${ids.join(', ') || 'none'}, as in the contract`);
  checkDerived(manifest, contract, report);
  checkAbstain(manifest, contract, report);
  return faults;
};

const compareNames = (field: string, names: readonly string[], { specs, report }: { readonly specs: readonly TensorSpec[]; readonly report: Report }): void => {
  const expected = specs.map((spec) => spec.name);
  if (!sameList([...names].sort(), [...expected].sort())) report(field, names.join(', '), `${expected.join(', ')}, the contract's tensors`);
};

const checkInput = ({ tensor, steps }: Manifest['interface']['inputs'][number], spec: TensorSpec, report: Report): void => {
  const at = `interface.inputs.${tensor}`;
  const names = spec.fields.map((field) => field.name);
  const isImage = spec.fields.some((field) => field.kind === 'image');
  const kinds = steps.map((step) => Object.keys(step)[0] ?? '');
  if (isImage) {
    if (names.length !== 1) report(at, `${names.length} fields in the contract`, '1 field, the image');
    if (!sameList(kinds, ['decode', 'crop', 'resize', 'normalise'])) report(at, kinds.join(', '), 'decode, crop, resize, normalise for an image field');
    for (const step of steps) {
      if ('decode' in step && !names.includes(step.decode.field)) report(`${at}.decode.field`, step.decode.field, names.join(', '));
      if ('resize' in step && !spec.shape.slice(2).every((size) => size === step.resize.size))
        report(`${at}.resize.size`, String(step.resize.size), `the tensor's ${spec.shape.slice(2).join(' x ')}`);
    }
    return;
  }
  const order = steps.flatMap((step) => ('order' in step ? step.order : []));
  if (!sameList(order, names)) report(`${at}.order`, order.join(', ') || 'none', `${names.join(', ')}, the contract's order`);
  const width = spec.shape.slice(1).reduce((product, size) => product * size, 1);
  if (width !== names.length) report(`${at}.order`, `${names.length} fields`, `${width}, the tensor's width`);
  checkNullsAndText(steps, spec, (field, got, expected) => report(`${at}.${field}`, got, expected));
};

const checkNullsAndText = (steps: Manifest['interface']['inputs'][number]['steps'], spec: TensorSpec, report: Report): void => {
  const nullable = spec.fields.filter((field) => !field.required).map((field) => field.name);
  const imputes = steps.some((step) => 'impute' in step);
  if (nullable.length > 0 && !imputes) report('impute', 'no such step', `impute: contract, for ${nullable.join(', ')}`);
  if (nullable.length === 0 && imputes) report('impute', 'contract', 'no such step: no field may be null');
  const encoded = new Map(steps.flatMap((step) => ('encode' in step ? Object.entries(step.encode) : [])));
  for (const field of spec.fields) if (field.kind === 'string' && spec.datatype !== 'BYTES') checkDomain(field, encoded.get(field.name), report);
  for (const name of encoded.keys())
    if (!spec.fields.some((field) => field.name === name && field.kind === 'string'))
      report(`encode.${name}`, 'an encoding', 'a text field of that name in the contract');
};

const checkDomain = (field: Field, categories: readonly string[] | undefined, report: Report): void => {
  const domain = (field.validValues ?? []).map(String);
  if (categories === undefined) report(`encode.${field.name}`, 'nothing', 'a list of categories: text cannot enter a numeric tensor');
  else if (!sameList([...categories].sort(), [...domain].sort()))
    report(`encode.${field.name}`, categories.join(', '), `${domain.join(', ') || 'none'}, the contract's validValues`);
};

const checkOutput = ({ tensor, steps }: Manifest['interface']['outputs'][number], spec: TensorSpec, report: Report): void => {
  const width = spec.shape.slice(1).reduce((product, size) => product * size, 1);
  const isArray = spec.fields.length === 1 && spec.fields[0]?.kind === 'array';
  if (!isArray && width !== spec.fields.length)
    report(`interface.outputs.${tensor}`, `${spec.fields.length} fields in the contract`, `${width}, the tensor's width`);
  for (const step of steps) {
    if ('threshold' in step && width !== 1) report(`interface.outputs.${tensor}.threshold`, `a tensor of width ${width}`, 'width 1');
    if ('topK' in step && step.topK.k > width) report(`interface.outputs.${tensor}.topK.k`, String(step.topK.k), `at most ${width}`);
  }
};

/** An abstention that can never happen promises what nobody keeps. */
const checkAbstain = (manifest: Manifest, contract: ModelContract, report: Report): void => {
  const hasImage = contract.inputs.some((spec) => spec.fields.some((field) => field.kind === 'image'));
  for (const { tensor, steps } of manifest.interface.outputs) {
    for (const step of steps) {
      if (!('abstain' in step)) continue;
      const { below, brightnessBelow } = step.abstain;
      if (below === undefined && brightnessBelow === undefined) report(`interface.outputs.${tensor}.abstain`, 'no limit', 'below or brightnessBelow');
      if (brightnessBelow !== undefined && !hasImage)
        report(`interface.outputs.${tensor}.abstain.brightnessBelow`, String(brightnessBelow), 'no such limit: no input is an image');
    }
  }
};

const checkDerived = (manifest: Manifest, contract: ModelContract, report: Report): void => {
  const made = manifest.interface.outputs.flatMap(({ steps }) =>
    steps.flatMap((step) =>
      'topK' in step ? [step.topK.output] : 'threshold' in step ? [step.threshold.output] : 'abstain' in step ? [step.abstain.output] : [],
    ),
  );
  const declared = contract.derived.map((field) => field.name);
  if (!sameList([...made].sort(), [...declared].sort()))
    report('interface.outputs', made.join(', ') || 'no derived field', `${declared.join(', ') || 'none'}, the contract's derived fields`);
};
