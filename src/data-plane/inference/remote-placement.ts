/** A version that another server of the Open Inference Protocol runs. @see https://github.com/kserve/open-inference-protocol */
import type { ModelContract, TensorSpec } from '../../bundle/contract.ts';
import type { RemotePlacement } from '../../bundle/manifest.ts';
import { type ModelMetadata, readModelMetadata, readServerMetadata } from '../../open-inference/model-metadata.ts';
import { isFields } from '../../open-inference/read-tensors.ts';
import type { Tensors } from '../contract/tensor.ts';
import type { RunResult } from './executor.ts';
import { type FailureReason, InferenceFailure } from './inference-failure.ts';
import type { GraphSignature } from './onnx-session.ts';
import type { Placement, RunCall } from './placement.ts';
import { createRemoteHttp, type RemoteAnswer, type RemoteContent, type RemoteHttp } from './remote-http.ts';
import { readRun, remoteRunId, writeRun } from './remote-message.ts';

export interface RemotePlacementDeps {
  readonly remote: RemotePlacement;
  readonly contract: Pick<ModelContract, 'inputs' | 'outputs'>;
  /** A run may take this long. Asked anew for every run. */
  readonly maxRunMs: () => number;
  readonly maxResponseBytes: number;
  /** A server that comes up at the same time as the gateway gets this long. */
  readonly maxLoadMs: number;
  readonly monotonicMs: () => number;
  /** Text that no other call gives, here or in another process. */
  readonly newId: () => string;
}

/** Servers of this kind batch by themselves or run in parallel; more in flight than they have cores only waits there instead of here. */
const maxInFlight = 16;
const metadataTimeoutMs = 5_000;
const retryMs = 200;
/**
 * A run that had less of the version's own time than this and was not answered in it is its caller's haste: it must not rest the version for
 * everybody. A candidate's attempt has at least half of the time.
 */
const fairShare = 0.25;

/** The path of a model below the server's base URL. */
export const modelPath = ({ model, version }: RemotePlacement): string =>
  `/v2/models/${encodeURIComponent(model)}${version === undefined ? '' : `/versions/${encodeURIComponent(version)}`}`;

/** What a server says of a model, and whether it takes tensors as bytes. */
export interface RemoteDescription {
  readonly metadata: ModelMetadata;
  readonly hasBinary: boolean;
}

/** The JSON of an answer; null when there is none. */
export const jsonOf = ({ body }: RemoteAnswer): unknown => {
  try {
    return JSON.parse(body.toString('utf8'));
  } catch {
    return null;
  }
};

/** The text of an error answer, short. */
const errorText = (answer: RemoteAnswer): string => {
  const body = jsonOf(answer);
  const text = isFields(body) ? (body.error ?? body.detail) : undefined;
  return typeof text === 'string' ? text.slice(0, 300) : `no error text`;
};

/** Reads what the server says of itself and the model. @throws InferenceFailure */
export const describeRemote = async (http: RemoteHttp, remote: RemotePlacement): Promise<RemoteDescription> => {
  const get = (path: string) => http.call({ method: 'GET', path, timeoutMs: metadataTimeoutMs });
  const answer = await get(modelPath(remote));
  if (answer.status !== 200) throw statusFailure(answer);
  const metadata = readModelMetadata(jsonOf(answer));
  if (metadata === null) throw new InferenceFailure('error', 'the remote server describes the model in no way that the protocol knows');
  return { metadata, hasBinary: readServerMetadata(jsonOf(await get('/v2'))).extensions.includes('binary_tensor_data') };
};

const reasonOfStatus: Readonly<Record<number, FailureReason>> = { 429: 'queue-full', 502: 'lost-worker', 503: 'lost-worker', 504: 'timeout' };

const statusFailure = (answer: RemoteAnswer): InferenceFailure =>
  new InferenceFailure(reasonOfStatus[answer.status] ?? 'error', `the remote server answered ${answer.status}: ${errorText(answer)}`);

/** A server that is not there yet is asked again until the time is over. */
const describeWhenThere = async (http: RemoteHttp, { remote, maxLoadMs, monotonicMs }: RemotePlacementDeps): Promise<RemoteDescription> => {
  const untilMs = monotonicMs() + maxLoadMs;
  for (;;) {
    try {
      return await describeRemote(http, remote);
    } catch (error) {
      if (InferenceFailure.from(error).reason !== 'lost-worker' || monotonicMs() + retryMs > untilMs) throw error;
      await new Promise((resolve) => setTimeout(resolve, retryMs));
    }
  }
};

/** The signature that the contract is held against. A server that lists no tensors leaves the proof to the golden cases. */
const signatureOf = ({ metadata }: RemoteDescription, contract: RemotePlacementDeps['contract']): GraphSignature => {
  const { inputs, outputs, platform } = metadata;
  const named = ({ name, datatype, shape }: TensorSpec) => ({ name, datatype, shape });
  return {
    platform: platform === '' ? 'remote' : platform,
    inputs: inputs.length > 0 ? inputs : contract.inputs.map(named),
    outputs: outputs.length > 0 ? outputs : contract.outputs.map(named),
  };
};

/** @throws InferenceFailure when the server does not describe the model in time */
export const createRemotePlacement = async (deps: RemotePlacementDeps): Promise<Placement> => {
  const { remote, contract, maxResponseBytes, monotonicMs } = deps;
  const http = createRemoteHttp({ url: remote.url, maxConnections: maxInFlight, maxResponseBytes, monotonicMs });
  const underWay = new Set<Promise<unknown>>();
  let closed: Promise<void> | null = null;
  try {
    const description = await describeWhenThere(http, deps);
    const isBinary = remote.tensors === undefined ? description.hasBinary : remote.tensors === 'binary';
    return {
      kind: 'remote',
      signature: signatureOf(description, contract),
      maxInFlight,
      pid: () => null,
      run: async (feeds, call) => {
        const run = infer(feeds, { ...deps, http, isBinary, call });
        underWay.add(run);
        try {
          return await run;
        } catch (error) {
          throw InferenceFailure.from(error);
        } finally {
          underWay.delete(run);
        }
      },
      close: () => {
        closed ??= Promise.allSettled(underWay).then(() => http.close());
        return closed;
      },
    };
  } catch (error) {
    http.close();
    throw error;
  }
};

interface Inference extends RemotePlacementDeps {
  readonly http: RemoteHttp;
  readonly isBinary: boolean;
  readonly call: RunCall | undefined;
}

const infer = async (feeds: Tensors, inference: Inference): Promise<RunResult> => {
  const { call, maxRunMs, monotonicMs } = inference;
  const startedMs = monotonicMs();
  const fullMs = maxRunMs();
  const timeoutMs = Math.min(fullMs, (call?.deadlineMs ?? Number.POSITIVE_INFINITY) - startedMs);
  const isHurried = timeoutMs < fullMs * fairShare;
  if (timeoutMs <= 0) throw new InferenceFailure('timeout', 'the deadline passed before the remote server was asked', { isHurried });
  const trace = startTrace(inference, startedMs);
  try {
    const outputs = await ask(feeds, inference, { timeoutMs, headers: trace.headers });
    trace.end(null);
    return { outputs, luma: null, computeMs: monotonicMs() - startedMs };
  } catch (error) {
    const failure = InferenceFailure.from(error);
    trace.end(failure.reason);
    throw failure.reason === 'timeout' ? new InferenceFailure('timeout', failure.message, { cause: failure, isHurried }) : failure;
  }
};

interface Asking {
  readonly timeoutMs: number;
  /** The trace's. */
  readonly headers: Readonly<Record<string, string>>;
}

const ask = async (feeds: Tensors, { http, remote, contract, isBinary, newId }: Inference, { timeoutMs, headers }: Asking): Promise<Tensors> => {
  const id = remoteRunId(newId);
  const write = writeRun(feeds, { id, contract, isBinary });
  const content = (leftMs: number): RemoteContent => {
    const written = write(leftMs);
    return { ...written, headers: { ...written.headers, ...headers } };
  };
  const answer = await http.call({ method: 'POST', path: `${modelPath(remote)}/infer`, content, timeoutMs });
  if (answer.status !== 200) throw statusFailure(answer);
  const { isForeign, outputs } = readRun(answer);
  if (isForeign(id)) {
    http.renew();
    throw new InferenceFailure('lost-worker', 'the remote server answered another run');
  }
  return outputs(contract.outputs);
};

/** Every request of the run gets a client span; the header, which has room for one, continues the first. */
const startTrace = ({ call, remote, monotonicMs }: Inference, startMs: number) => {
  const spans = call?.spans ?? [];
  const children = spans.filter((span) => span.sampled).map((span) => span.child({ name: `infer ${remote.model}`, kind: 'client', startMs }));
  const [first] = spans;
  const traceparent = first?.sampled === true ? children[0]?.traceparent : first?.traceparent;
  return {
    headers: {
      ...(traceparent === undefined ? {} : { traceparent }),
      ...(first?.tracestate === undefined ? {} : { tracestate: first.tracestate }),
    },
    end: (errorType: FailureReason | null): void => {
      const endMs = monotonicMs();
      for (const child of children) child.end({ endMs, ...(errorType === null ? {} : { errorType }) });
    },
  };
};
