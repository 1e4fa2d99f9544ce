import type { ModelContract, TensorSpec } from './contract.ts';
import type { Fault } from './fault.ts';

/** A graph's own input or output; -1 stands for a variable dimension. */
export interface SignatureTensor {
  readonly name: string;
  readonly datatype: string;
  readonly shape: readonly number[];
}

/** Whether the contract's tensors are exactly the graph's: names, element types, shapes. `file` is where the signature was read. */
export const checkGraph = (
  contract: Pick<ModelContract, 'inputs' | 'outputs'>,
  signature: { readonly inputs: readonly SignatureTensor[]; readonly outputs: readonly SignatureTensor[] },
  file = 'model.onnx',
): readonly Fault[] =>
  [...compare('inputs', contract.inputs, signature.inputs), ...compare('outputs', contract.outputs, signature.outputs)].map((fault) => ({ file, ...fault }));

type SignatureFault = Omit<Fault, 'file'>;

const compare = (side: 'inputs' | 'outputs', specs: readonly TensorSpec[], tensors: readonly SignatureTensor[]): readonly SignatureFault[] => {
  const faults: SignatureFault[] = [];
  for (const spec of specs) {
    const tensor = tensors.find((entry) => entry.name === spec.name);
    if (tensor === undefined)
      faults.push({ field: `${side}.${spec.name}`, got: tensors.map((entry) => entry.name).join(', '), expected: `${spec.name}, as in the contract` });
    else faults.push(...compareTensor(`${side}.${spec.name}`, spec, tensor));
  }
  // An output that the contract leaves out is never read; an input that it leaves out can never be fed.
  const undeclared = side === 'inputs' ? tensors.filter((tensor) => !specs.some((spec) => spec.name === tensor.name)) : [];
  return [
    ...faults,
    ...undeclared.map((tensor) => ({
      field: `${side}.${tensor.name}`,
      got: 'an input that the contract does not declare',
      expected: 'a tensor in the contract',
    })),
  ];
};

const compareTensor = (field: string, spec: TensorSpec, tensor: SignatureTensor): readonly SignatureFault[] => {
  const faults: SignatureFault[] = [];
  if (tensor.datatype !== spec.datatype) faults.push({ field: `${field}.datatype`, got: tensor.datatype, expected: `${spec.datatype}, as in the contract` });
  if (tensor.shape.length !== spec.shape.length || tensor.shape.some((size, index) => size !== spec.shape[index])) {
    faults.push({ field: `${field}.shape`, got: `[${tensor.shape.join(', ')}]`, expected: `[${spec.shape.join(', ')}], as in the contract` });
  }
  if (spec.shape[0] !== -1) faults.push({ field: `${field}.shape[0]`, got: String(spec.shape[0]), expected: '-1: the first dimension is the row' });
  return faults;
};
