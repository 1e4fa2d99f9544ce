/** Writes bundles for what a running server of the Open Inference Protocol serves: it is asked what its tensors are, and its own answers become the golden cases. */
import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { compareVersions } from '../bundle/compare-versions.ts';
import type { BundleDraft } from '../bundle/draft-bundle.ts';
import { type DraftTensor, undraftable } from '../bundle/draft-contract.ts';
import type { GoldenCase } from '../bundle/golden-case.ts';
import { modelName, type RemotePlacement, remotePlacement, semver } from '../bundle/manifest.ts';
import { systemClock } from '../clock.ts';
import { InferenceFailure } from '../data-plane/inference/inference-failure.ts';
import { createRemoteHttp, type RemoteHttp } from '../data-plane/inference/remote-http.ts';
import { remoteRunId } from '../data-plane/inference/remote-message.ts';
import { createRemotePlacement, describeRemote, jsonOf, modelPath } from '../data-plane/inference/remote-placement.ts';
import { type InferenceRequest, readRequestHead, withTensors } from '../open-inference/inference-request.ts';
import { type ModelMetadata, readModelMetadata } from '../open-inference/model-metadata.ts';
import { bundleModelName, bundleVersion } from '../open-inference/protocol-names.ts';
import { isFields } from '../open-inference/read-tensors.ts';
import { tensorRows } from '../open-inference/tensor-rows.ts';
import { ProblemError } from '../problem.ts';
import type { InitResult } from './init-result.ts';
import { readTemplates } from './read-templates.ts';
import { Refusal } from './refusal.ts';
import { sampleRows } from './sample-rows.ts';
import { contractOf, createTrial, type Trial } from './trial.ts';
import { existingVersions, type WrittenBundle, writeBundle, writePlan } from './write-bundle.ts';

export interface RemoteInitOptions {
  readonly remote: string;
  /** The model's name on the server. */
  readonly model: string;
  readonly version?: string;
  readonly as?: string;
  /** File with a request of the protocol. */
  readonly sample?: string;
  readonly out: string;
}

const callTimeoutMs = 30_000;
const maxResponseBytes = 256 * 2 ** 20;
/** Of a server with many versions only the last two are of interest: what serves, and what came before. */
const keptVersions = 2;

/** One version: its bundle's name for it, and the server's; the server has none when it has no versions. */
interface Chosen {
  readonly bundle: string;
  readonly remote: string | undefined;
}

const isNameable = (version: string): boolean => semver.safeParse(bundleVersion(version)).success;

/** The server's word for the version that was asked for. A server without versions, or with a single one that no bundle can be called after, has no say in the name. */
const remoteVersion = ({ versions }: ModelMetadata, asked: string, { remote, model }: RemoteInitOptions): string | undefined => {
  const [only] = versions;
  if (only === undefined || (versions.length === 1 && !isNameable(only))) return only;
  const found = versions.find((version) => bundleVersion(version) === bundleVersion(asked));
  if (found === undefined) throw new Refusal(`--version: got ${asked}, expected one that ${remote} has of ${model}: ${versions.join(', ')}`);
  return found;
};

const chooseVersions = (metadata: ModelMetadata, options: RemoteInitOptions): readonly Chosen[] => {
  const { version: asked } = options;
  if (asked !== undefined) return [{ bundle: bundleVersion(asked), remote: remoteVersion(metadata, asked, options) }];
  const { versions } = metadata;
  if (versions.length === 0) return [{ bundle: '1.0.0', remote: undefined }];
  return [...versions]
    .sort((left, right) => compareVersions(bundleVersion(left), bundleVersion(right)))
    .slice(-keptVersions)
    .map((version) => ({ bundle: bundleVersion(version), remote: version }));
};

/** What a sample request says of the tensors, for servers that list none. */
type Sample = InferenceRequest['inputs'] | null;

const readSample = async (file: string | undefined): Promise<Sample> => {
  if (file === undefined) return null;
  try {
    return withTensors(readRequestHead(JSON.parse(await readFile(file, 'utf8'))), Buffer.alloc(0), 0).inputs;
  } catch (error) {
    throw new Refusal(`${file}: ${error instanceof Error ? error.message : String(error)}`);
  }
};

const named = ({ name, datatype, shape }: DraftTensor): DraftTensor => ({ name, datatype, shape: shape.map((size, place) => (place === 0 ? -1 : size)) });

/** The tensors of the model: as the server lists them, else as the sample and its answer show them. */
const tensorsOf = async (metadata: ModelMetadata, sample: Sample, { http, remote }: Server): Promise<Pick<BundleDraft, 'inputs' | 'outputs'>> => {
  const inputs = metadata.inputs.length > 0 ? metadata.inputs : sample === null || 'raw' in sample ? [] : sample.map(named);
  if (inputs.length === 0) throw new Refusal(`${remote.url} lists no tensors of ${remote.model}: give --sample FILE with a request that it answers`);
  if (metadata.outputs.length > 0) return { inputs, outputs: metadata.outputs };
  if (sample === null || 'raw' in sample)
    throw new Refusal(`${remote.url} lists no outputs of ${remote.model}: give --sample FILE with a request that it answers`);
  return { inputs, outputs: await askForOutputs(http, remote, sample) };
};

/** Of an answer that is refused so much is shown. */
const shownCharacters = 200;

const askForOutputs = async (http: RemoteHttp, remote: RemotePlacement, sample: Exclude<Sample, null | { raw: Buffer }>): Promise<readonly DraftTensor[]> => {
  const inputs = sample.map(({ name, datatype, shape, data }) => ({ name, datatype, shape, data: Array.from(data as ArrayLike<unknown>) }));
  const request = { id: remoteRunId(randomUUID), inputs };
  const body = Buffer.from(JSON.stringify(request, (_, value: unknown) => (typeof value === 'bigint' ? Number(value) : value)));
  const content = () => ({ headers: { 'content-type': 'application/json' }, body });
  const answer = await http.call({ method: 'POST', path: `${modelPath(remote)}/infer`, content, timeoutMs: callTimeoutMs });
  const said = jsonOf(answer);
  // An output of an answer has what metadata says of it, and its data.
  const outputs = isFields(said) ? (readModelMetadata({ name: remote.model, outputs: said.outputs })?.outputs ?? []) : [];
  if (answer.status === 200 && outputs.length > 0) return outputs.map(named);
  const text = answer.body.toString('utf8');
  const shown = text.length > shownCharacters ? `${text.slice(0, shownCharacters)}…` : text;
  throw new Refusal(`${remote.url} answered ${answer.status} to the sample, expected 200 with outputs that have name, datatype and shape: got ${shown}`);
};

interface Server {
  readonly http: RemoteHttp;
  readonly remote: RemotePlacement;
}

/** What proves a draft: its contract as the gateway would run it, on the server itself. */
interface RemoteTrial extends Trial {
  readonly close: () => Promise<void>;
}

const openTrial = async (draft: BundleDraft, remote: RemotePlacement): Promise<RemoteTrial> => {
  const { monotonicMs } = systemClock;
  const placement = await createRemotePlacement({
    remote,
    contract: contractOf(draft),
    maxRunMs: () => callTimeoutMs,
    maxLoadMs: 0,
    maxResponseBytes,
    monotonicMs,
    newId: randomUUID,
  });
  return { ...createTrial(draft, placement.run), close: placement.close };
};

/** Golden cases of the sample, or of values that are made up; a server need not like all of those. */
const recordGolden = async ({ golden, contract }: Trial, { inputs, remote }: BundleDraft, sample: Sample): Promise<readonly GoldenCase[]> => {
  const source = `Answered by ${remote?.url} as ${remote?.model}${remote?.version === undefined ? '' : ` ${remote.version}`} when the bundle was written.`;
  if (sample !== null) {
    const pair = { baseline: contract, candidate: null, known: contract.names };
    return [await golden(tensorRows(sample).read(pair), source)];
  }
  const cases: GoldenCase[] = [];
  let refused = '';
  for (const rows of sampleRows(inputs)) {
    try {
      cases.push(await golden(rows, source));
    } catch (error) {
      refused = error instanceof Error ? error.message : String(error);
    }
  }
  if (cases.length === 0) throw new Refusal(`the server answers no made-up values (${refused}): give --sample FILE with a request that it answers`);
  return cases;
};

const draftOf = async (name: string, chosen: Chosen, { http, options, sample }: Steps): Promise<BundleDraft> => {
  const remote: RemotePlacement = { url: options.remote, model: options.model, ...(chosen.remote === undefined ? {} : { version: chosen.remote }) };
  const { metadata } = await describeRemote(http, remote);
  const tensors = await tensorsOf(metadata, sample, { http, remote });
  const odd = [...tensors.inputs, ...tensors.outputs].flatMap((tensor) => undraftable(tensor) ?? []);
  if (odd.length > 0) throw new Refusal(odd.join('\n'));
  const draft = { model: name, version: chosen.bundle, ...tensors, remote, maxRows: 1, golden: [], sample: null, contractId: randomUUID() };
  const trial = await openTrial(draft, remote);
  try {
    const golden = await recordGolden(trial, draft, sample);
    return { ...draft, golden, maxRows: await trial.largestBatch(golden[0]?.request.inputs[0] ?? {}) };
  } finally {
    await trial.close();
  }
};

interface Steps {
  readonly http: RemoteHttp;
  readonly options: RemoteInitOptions;
  readonly sample: Sample;
}

const nextSteps = (name: string, plan: string | null, { out }: RemoteInitOptions): readonly string[] => [
  `Serve it:  npm start -- --models-dir ${out}/models --golden-dir ${out}/golden --rollout-dir ${out}/rollout`,
  plan === null
    ? `For a canary, write the bundle of the other version too: handoff init --remote URL --model NAME --as ${name} --version V --out ${out}`
    : `Start the canary:  npm exec -- handoff rollout start ${name} --reason "…"`,
];

const writeAll = async (steps: Steps): Promise<InitResult> => {
  const { options, http } = steps;
  const name = bundleModelName(options.as ?? options.model);
  if (!modelName.safeParse(name).success) throw new Refusal(`${options.as ?? options.model}: expected a name with letters or digits`);
  const { metadata } = await describeRemote(http, { url: options.remote, model: options.model });
  const chosen = chooseVersions(metadata, options);
  const odd = chosen.find(({ bundle }) => !isNameable(bundle));
  if (odd !== undefined) throw new Refusal(`version: got ${odd.bundle}, expected a semantic version like 1.4.0: give --version`);
  const there = await existingVersions(options.out, name);
  const again = chosen.find(({ bundle }) => there.includes(bundle));
  if (again !== undefined) throw new Refusal(`${options.out}/models/${name}/${again.bundle} is there already: give another --version`);
  const drafts: BundleDraft[] = [];
  for (const version of chosen) drafts.push(await draftOf(name, version, steps));
  const written: WrittenBundle[] = [];
  const templates = await readTemplates();
  for (const draft of drafts) written.push(await writeBundle(options.out, draft, { templates, graph: null }));
  const plan = await writePlan(options.out, name, [...there, ...drafts.map(({ version }) => version)].sort(compareVersions));
  return {
    ok: true,
    bundles: drafts.map(({ model, version }) => ({ model, version })),
    plan,
    files: [...written.flatMap(({ files }) => files), ...(plan === null ? [] : [plan])],
    notes: [],
    next: nextSteps(name, plan, options),
  };
};

const failed = (error: unknown, { remote }: RemoteInitOptions): InitResult => {
  if (error instanceof Refusal || error instanceof ProblemError) return { ok: false, reason: 'refused', detail: error.message };
  if (!(error instanceof InferenceFailure)) throw error;
  const isSilent = error.reason === 'lost-worker' || error.reason === 'timeout';
  return { ok: false, reason: isSilent ? 'unknown' : 'refused', detail: `${remote}: ${error.message}` };
};

/** Never rejects for what a server or a sample can contain. */
export const initRemote = async (options: RemoteInitOptions): Promise<InitResult> => {
  if (!remotePlacement.shape.url.safeParse(options.remote).success)
    return { ok: false, reason: 'refused', detail: `--remote: got ${options.remote}, expected an http or https URL without user, password or query` };
  const http = createRemoteHttp({ url: options.remote, maxConnections: 1, maxResponseBytes, monotonicMs: systemClock.monotonicMs });
  try {
    return await writeAll({ http, options, sample: await readSample(options.sample) });
  } catch (error) {
    return failed(error, options);
  } finally {
    http.close();
  }
};
