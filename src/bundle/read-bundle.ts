import { createHash } from 'node:crypto';
import { type Acceptance, acceptanceSchema, noAcceptance } from './acceptance.ts';
import { type ModelContract, widthOf } from './contract.ts';
import type { Fault } from './fault.ts';
import { type Checked, checkDocument } from './fault.ts';
import type { GoldenCase } from './golden-case.ts';
import { goldenCaseSchema } from './golden-case.ts';
import type { Manifest } from './manifest.ts';
import { manifestSchema } from './manifest.ts';
import { filesOutsideDigest, signatureFile } from './outside-digest.ts';
import { readContract } from './read-contract.ts';
import { type Files, type ReadFile, readFolder } from './read-folder.ts';
import { parsedYaml } from './yaml.ts';

export const manifestFile = 'handoff.yaml';
const modelFile = 'model.onnx';
const contractFile = 'contract.odcs.yaml';
const acceptanceFile = 'acceptance.yaml';
const outsideDigest: ReadonlySet<string> = new Set(filesOutsideDigest);

/** Where a bundle lies: its folder `<models>/<model>/<version>` and its golden cases `<golden>/<model>/<version>`. */
export interface BundlePlace {
  readonly model: string;
  readonly version: string;
  readonly folder: string;
  readonly goldenFolder: string;
}

export interface NamedGoldenCase {
  readonly file: string;
  readonly golden: GoldenCase;
}

/** A file of a bundle with its SHA-256 in hexadecimal. */
export interface FileDigest {
  readonly name: string;
  readonly sha256: string;
}

/** A bundle whose files are read, digests checked and schemas held. What it does is not yet proven. */
export interface Bundle {
  readonly model: string;
  readonly version: string;
  /** SHA-256 over the digests of all files, in hexadecimal: the identity of the bundle. */
  readonly digest: string;
  /** The files that the digest is made of, in the order of their names. */
  readonly files: readonly FileDigest[];
  /** `model.sig` as it was read with them; null without one. Says nothing yet: see `signing/check-signature.ts`. */
  readonly signature: Uint8Array | null;
  readonly manifest: Manifest;
  readonly contract: ModelContract;
  /** The agreed criteria; none when the bundle has no such file. */
  readonly acceptance: Acceptance;
  readonly golden: readonly NamedGoldenCase[];
  /** The verified bytes of the graph; none for a remote placement. */
  readonly modelBytes: Uint8Array;
  /** Class names, by the path that an output step names. */
  readonly labels: ReadonlyMap<string, readonly string[]>;
  readonly place: BundlePlace;
}

/** `contract` is there whenever it alone can be read, also in a bundle that is refused for something else. */
export type BundleReading =
  | { readonly bundle: Bundle; readonly contract: ModelContract; readonly faults: readonly [] }
  | { readonly bundle: null; readonly contract: ModelContract | null; readonly faults: readonly Fault[] };

const parseYaml = (file: string, bytes: Buffer | undefined, faults: Fault[]): unknown => {
  if (bytes === undefined) {
    faults.push({ file, field: '(whole file)', got: 'no such file', expected: 'the file' });
    return undefined;
  }
  const yaml = parsedYaml(bytes.toString('utf8'));
  if ('document' in yaml) return yaml.document;
  faults.push({ file, field: '(whole file)', got: yaml.fault, expected: 'YAML' });
  return undefined;
};

const parseManifest = (place: BundlePlace, files: Files, faults: Fault[]): Manifest | null => {
  const document = parseYaml(manifestFile, files.get(manifestFile)?.bytes, faults);
  if (document === undefined) return null;
  const { value: manifest, faults: found } = checkDocument(manifestSchema, manifestFile, document);
  faults.push(...found);
  if (manifest === null) return null;
  for (const field of ['model', 'version'] as const) {
    if (manifest[field] !== place[field]) faults.push({ file: manifestFile, field, got: manifest[field], expected: `${place[field]}, the name of its folder` });
  }
  return manifest;
};

/** A bundle may come without criteria; a file that is there must hold. */
const parseAcceptance = (files: Files, faults: Fault[]): Acceptance => {
  const bytes = files.get(acceptanceFile)?.bytes;
  const document = bytes === undefined ? undefined : parseYaml(acceptanceFile, bytes, faults);
  if (document === undefined) return noAcceptance;
  const { value, faults: found } = checkDocument(acceptanceSchema, acceptanceFile, document);
  faults.push(...found);
  return value ?? noAcceptance;
};

/** Every artifact present and equal, and nothing beside what is listed. */
const checkArtifacts = (manifest: Manifest, files: Files): readonly Fault[] => {
  const listed = new Set(manifest.artifacts.map((artifact) => artifact.path));
  const wrong = manifest.artifacts.flatMap(({ path, sha256: expected }) => digestFault(path, files.get(path), expected));
  const unlisted = [...files.keys()].filter((name) => !listed.has(name) && name !== manifestFile && !outsideDigest.has(name));
  return [
    ...wrong,
    ...unlisted.map((file) => ({
      file,
      field: '(whole file)',
      got: 'a file that the manifest does not list',
      expected: 'an entry under artifacts, or no file',
    })),
  ];
};

const digestFault = (file: string, found: ReadFile | undefined, expected: string): readonly Fault[] => {
  if (found === undefined) return [{ file, field: '(whole file)', got: 'no such file', expected: `sha256 ${expected}` }];
  return found.sha256 === expected ? [] : [{ file, field: 'sha256', got: found.sha256, expected }];
};

const parseGolden = (file: string, bytes: Buffer): Checked<GoldenCase> => {
  let document: unknown;
  try {
    document = JSON.parse(bytes.toString('utf8'));
  } catch {
    return { value: null, faults: [{ file, field: '(whole file)', got: 'no JSON', expected: 'JSON' }] };
  }
  return checkDocument(goldenCaseSchema, file, document);
};

const readGolden = async (manifest: Manifest, place: BundlePlace, faults: Fault[]): Promise<readonly NamedGoldenCase[]> => {
  const files = await readFolder(place.goldenFolder).then(
    ({ files: found }) => found,
    (): Files => new Map(),
  );
  const listed = new Set(manifest.golden.map((entry) => entry.file));
  for (const file of files.keys()) {
    if (!listed.has(file))
      faults.push({
        file: `golden/${file}`,
        field: '(whole file)',
        got: 'a golden case that the manifest does not list',
        expected: 'an entry under golden, or no file',
      });
  }
  return manifest.golden.flatMap(({ file, sha256: expected }) => {
    const stored = files.get(file);
    const wrong = digestFault(`golden/${file}`, stored, expected);
    faults.push(...wrong);
    if (wrong.length > 0 || stored === undefined) return [];
    const { value: golden, faults: found } = parseGolden(`golden/${file}`, stored.bytes);
    faults.push(...found);
    return golden === null ? [] : [{ file, golden }];
  });
};

const readLabels = (manifest: Manifest, files: Files, faults: Fault[]): ReadonlyMap<string, readonly string[]> => {
  const paths = manifest.interface.outputs.flatMap(({ steps }) => steps.flatMap((step) => ('topK' in step ? [step.topK.labels] : [])));
  return new Map(
    paths.flatMap((path) => {
      const labels = parseLabels(files.get(path)?.bytes);
      if (labels === null)
        faults.push({ file: path, field: '(whole file)', got: files.has(path) ? 'something else' : 'no such file', expected: 'a JSON list of texts' });
      return labels === null ? [] : [[path, labels] as const];
    }),
  );
};

const parseLabels = (bytes: Buffer | undefined): readonly string[] | null => {
  try {
    const labels: unknown = JSON.parse(bytes?.toString('utf8') ?? '');
    return Array.isArray(labels) && labels.every((label) => typeof label === 'string') ? labels : null;
  } catch {
    return null;
  }
};

/** A class without a name, or a name without a class, means that the list is another model's. */
const labelFaults = (manifest: Manifest, contract: ModelContract, labels: ReadonlyMap<string, readonly string[]>): readonly Fault[] =>
  manifest.interface.outputs.flatMap(({ tensor, steps }) => {
    const output = contract.outputs.find((spec) => spec.name === tensor);
    return steps.flatMap((step) => {
      const names = 'topK' in step ? labels.get(step.topK.labels) : undefined;
      if (!('topK' in step) || output === undefined || names === undefined) return [];
      const width = widthOf(output);
      return names.length === width
        ? []
        : [{ file: step.topK.labels, field: '(whole file)', got: `${names.length} labels`, expected: `${width}, the width of ${tensor}` }];
    });
  });

const digestsOf = (files: Files): readonly FileDigest[] =>
  [...files].filter(([name]) => !outsideDigest.has(name)).map(([name, { sha256 }]) => ({ name, sha256 }));
/** A graph of its own or a server that runs it: never neither, and never both. */
const placementFaults = (manifest: Manifest | null, hasGraph: boolean): readonly Fault[] => {
  const isRemote = manifest?.placement === 'remote';
  const faults: Fault[] = [];
  if (!isRemote && !hasGraph) faults.push({ file: modelFile, field: '(whole file)', got: 'no such file', expected: 'the graph' });
  if (isRemote && hasGraph) faults.push({ file: modelFile, field: '(whole file)', got: 'a graph', expected: 'no such file, since the placement is remote' });
  if (manifest !== null && isRemote !== (manifest.remote !== undefined))
    faults.push({
      file: manifestFile,
      field: 'remote',
      got: isRemote ? 'nothing' : 'a server',
      expected: isRemote ? 'the server that runs the model' : 'nothing, since the placement is local',
    });
  return faults;
};

/** The root digest of the model signing specification: SHA-256 of the concatenated raw digests in the order of the names. */
export const rootDigestOf = (files: readonly Pick<FileDigest, 'sha256'>[]): string => {
  const hash = createHash('sha256');
  for (const { sha256 } of files) hash.update(sha256, 'hex');
  return hash.digest('hex');
};

/** Reads a bundle from disk and holds its files against its manifest. Finds every fault, not only the first. */
export const readBundle = async (place: BundlePlace): Promise<BundleReading> => {
  const faults: Fault[] = [];
  const { files, odd } = await readFolder(place.folder);
  for (const entry of odd) faults.push({ file: entry, field: '(whole file)', got: 'no regular file', expected: 'a regular file' });
  const document = parseYaml(contractFile, files.get(contractFile)?.bytes, faults);
  const reading = document === undefined ? { faults: [] } : readContract(contractFile, document);
  faults.push(...reading.faults);
  const modelBytes = files.get(modelFile)?.bytes;
  const manifest = parseManifest(place, files, faults);
  faults.push(...placementFaults(manifest, modelBytes !== undefined));
  if (manifest === null) return { bundle: null, contract: reading.contract ?? null, faults };
  faults.push(...checkArtifacts(manifest, files));
  const golden = await readGolden(manifest, place, faults);
  const acceptance = parseAcceptance(files, faults);
  const labels = readLabels(manifest, files, faults);
  const { contract } = reading;
  if (contract !== undefined) faults.push(...labelFaults(manifest, contract, labels));
  if (faults.length > 0 || contract === undefined) return { bundle: null, contract: contract ?? null, faults };
  const { model, version } = place;
  const identity = { model, version, digest: rootDigestOf(digestsOf(files)), files: digestsOf(files), signature: files.get(signatureFile)?.bytes ?? null };
  const parts = { manifest, contract, acceptance, golden, modelBytes: modelBytes ?? new Uint8Array(0), labels, place };
  return { bundle: { ...identity, ...parts }, contract, faults: [] };
};

/** The digests of all files of a folder that count for its bundle, by name. */
export const folderDigests = async (folder: string): Promise<readonly FileDigest[]> => digestsOf((await readFolder(folder)).files);
