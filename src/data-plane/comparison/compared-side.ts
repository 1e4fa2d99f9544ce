import type { Field } from '../../bundle/contract.ts';
import { compileContract } from '../contract/compile-contract.ts';
import { compileOutputs, type OutputRow } from '../guards/compile-outputs.ts';
import { inexactNumber } from '../guards/inexact-number.ts';
import { createExecutor, type Execute } from '../inference/executor.ts';
import { InferenceFailure } from '../inference/inference-failure.ts';
import { openSession } from '../inference/onnx-session.ts';
import { openRemote } from '../inference/open-remote.ts';
import type { ComparedVersion, PairWork, Ran } from './comparison-protocol.ts';

/** One run of one version, guarded. */
export interface SideRun extends Omit<Ran, 'cpuMs'> {
  /** Null unless the result is `ok`. */
  readonly outputs: readonly OutputRow[] | null;
}

/** What a run is of. */
type ComparedRequest = Pick<PairWork, 'rows' | 'form'>;

/** One version inside the comparison process. */
export interface ComparedSide {
  readonly inputFields: readonly Field[];
  readonly outputFields: readonly Field[];
  /** Encodes, runs and guards the rows of one request alone. Never rejects. */
  readonly run: (request: ComparedRequest) => Promise<SideRun>;
}

/** The first runs of a graph are slow; no pair should pay for them. */
const warmUpRuns = 3;

/** The graph in this process, or the server that runs it: then the network is part of what is compared, as it is for the callers. */
const openExecute = async ({ model, image, contract, manifest }: Omit<ComparedVersion, 'labels' | 'warmUp'>, monotonicMs: () => number): Promise<Execute> => {
  const { remote, budgets } = manifest;
  if (remote === undefined) return createExecutor(await openSession(model), image, monotonicMs);
  const { run } = await openRemote({ remote, manifest, contract, maxRunMs: () => budgets.deadlineMs, monotonicMs });
  return (feeds) => run(feeds);
};

/** Opens a version and warms it. Rejects for a graph that does not load. */
export const openSide = async ({ model, image, contract, manifest, labels, warmUp }: ComparedVersion, monotonicMs: () => number): Promise<ComparedSide> => {
  const { encode } = compileContract(contract, manifest);
  const guard = compileOutputs(contract, manifest, labels);
  const execute = await openExecute({ model, image, contract, manifest }, monotonicMs);

  const runAndGuard = async ({ rows, form }: ComparedRequest): Promise<SideRun> => {
    const { outputs, luma, computeMs } = await execute(encode(rows));
    const guarded = guard({ rows, outputs, luma });
    const us = computeMs * 1_000;
    const breach = (why: string): SideRun => ({ result: 'breach', us, why, outputs: null });
    if (!guarded.ok) return breach(guarded.breach);
    const inexact = form === 'rows' ? inexactNumber(outputs) : null;
    return inexact === null ? { result: 'ok', us, why: null, outputs: guarded.rows } : breach(inexact);
  };
  const run = async (request: ComparedRequest): Promise<SideRun> => {
    const startedMs = monotonicMs();
    try {
      return await runAndGuard(request);
    } catch (error) {
      const { reason, message } = InferenceFailure.from(error);
      return { result: reason === 'invalid-input' ? 'unreadable' : 'error', us: (monotonicMs() - startedMs) * 1_000, why: message, outputs: null };
    }
  };

  for (let time = 0; time < warmUpRuns; time += 1) await run({ rows: warmUp, form: 'rows' });
  return {
    inputFields: [...contract.inputs.flatMap(({ fields }) => fields), ...contract.passThrough],
    outputFields: [...contract.outputs.flatMap(({ fields }) => fields), ...contract.derived, ...contract.passThrough],
    run,
  };
};
