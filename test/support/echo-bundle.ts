/** A model that gives back what it gets, in every datatype of the protocol. */
import { mkdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { datatypes } from '../../src/bundle/datatype.ts';
import { draftBundle } from '../../src/bundle/draft-bundle.ts';
import { writeDigests } from '../../src/bundle/write-digests.ts';
import { readTemplates } from '../../src/cli/read-templates.ts';
import type { TeamFolders } from './bundles.ts';
import { identityModel } from './onnx-graph.ts';

const rowOf = (side: 'in' | 'out') =>
  Object.fromEntries(datatypes.map((datatype) => [`${side}_${datatype}`, datatype === 'BYTES' ? ['', 'a', 'é'] : datatype === 'BOOL' ? [1, 0, 1] : [0, 1, 2]]));

const outputRow = () => Object.fromEntries(Object.entries(rowOf('out')).map(([name, values]) => [name, name === 'out_BOOL' ? [1, 0, 1] : values]));

/** Puts the model `echo` 1.0.0 into a team's folders. */
export const deliverEcho = async (folders: TeamFolders): Promise<void> => {
  const [model, version] = ['echo', '1.0.0'];
  const tensors = (side: string) => datatypes.map((datatype) => ({ name: `${side}_${datatype}`, datatype, shape: [-1, 3] }));
  const draft = {
    model,
    version,
    inputs: tensors('in'),
    outputs: tensors('out'),
    remote: null,
    maxRows: 64,
    golden: [
      { request: { inputs: [{ ...rowOf('in') }] }, expected: { outputs: [outputRow()] }, tolerance: { absolute: 0 }, source: 'What goes in comes out.' },
    ],
    sample: null,
    contractId: '00000000-0000-4000-8000-000000000001',
  };
  const { bundle, golden } = draftBundle(draft, await readTemplates());
  const staging = join(folders.root, 'staging-echo');
  const goldenFolder = join(folders.goldenDir, model, version);
  await mkdir(staging, { recursive: true });
  await mkdir(goldenFolder, { recursive: true });
  for (const [path, text] of Object.entries(bundle)) await writeFile(join(staging, path), text);
  for (const [path, text] of Object.entries(golden)) await writeFile(join(goldenFolder, path), text);
  await writeFile(join(staging, 'model.onnx'), identityModel());
  await writeDigests({ model, version, folder: staging, goldenFolder });
  await mkdir(join(folders.modelsDir, model), { recursive: true });
  await rename(staging, join(folders.modelsDir, model, version));
};
