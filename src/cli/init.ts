import { Command, Option } from 'commander';
import { initGraph } from './init-graph.ts';
import { initRemote, type RemoteInitOptions } from './init-remote.ts';
import type { InitResult } from './init-result.ts';
import type { CliIo } from './io.ts';

interface InitOptions extends Partial<RemoteInitOptions> {
  readonly ignore?: readonly string[];
  readonly json?: true;
}

/** What cannot be done with what was given: said, with exit code 2. */
const usage = (io: CliIo, text: string): void => {
  io.stderr(`init: ${text}\n`);
  io.setExitCode(2);
};

/** Why the words do not go together; null when they do. */
const misuse = (graph: string | undefined, { remote, model, as, ignore, sample }: InitOptions): string | null => {
  const faults: readonly (readonly [boolean, string])[] = [
    [graph === undefined && remote === undefined, 'got neither a graph nor --remote, expected a model.onnx or the URL of a server'],
    [graph !== undefined && remote !== undefined, 'got a graph and --remote, expected one of them'],
    [model === undefined, `got no --model, expected the name of the model${remote === undefined ? '' : ' on the server'}`],
    [graph !== undefined && as !== undefined, 'got --as, expected it with --remote only: --model names the model'],
    [ignore !== undefined && (graph === undefined || sample === undefined), 'got --ignore, expected it with a graph and --sample only'],
  ];
  return faults.find(([wrong]) => wrong)?.[1] ?? null;
};

const init = async (graph: string | undefined, options: InitOptions, io: CliIo): Promise<void> => {
  const wrong = misuse(graph, options);
  if (wrong !== null) return usage(io, wrong);
  const { remote, model = '', out = '.', json, ...others } = options;
  const result = graph === undefined ? await initRemote({ ...others, remote: remote ?? '', model, out }) : await initGraph({ ...others, graph, model, out });
  report(result, json === true, io);
};

const report = (result: InitResult, json: boolean, io: CliIo): void => {
  if (!result.ok) {
    io.stderr(`${result.detail}\n`);
    io.setExitCode(result.reason === 'unknown' ? 3 : 1);
    return;
  }
  const { next, notes, ...written } = result;
  io.stdout(json ? `${JSON.stringify({ ...written, notes }, null, 2)}\n` : written.files.map((file) => `wrote ${file}\n`).join(''));
  io.stderr([...notes.map((note) => `Note: ${note}`), ...next].map((line) => `${line}\n`).join(''));
  io.setExitCode(0);
};

const names = (text: string): readonly string[] => text.split(',').map((name) => name.trim());

/** `handoff init`: a first bundle for a model that somebody has already. */
export const initCommand = (io: CliIo): Command =>
  new Command('init')
    .description('write a first bundle for a graph on disk, or for a model that a server of the Open Inference Protocol serves')
    .argument('[graph]', 'the exported graph, such as model.onnx')
    .addOption(new Option('--remote <url>', 'base URL of the server, such as http://triton:8000, in place of a graph'))
    .addOption(new Option('--model <name>', 'name of the model; with --remote its name on the server'))
    .addOption(new Option('--version <version>', 'version of the bundle (1.0.0 for a graph); with --remote of the model too, if the server lists versions'))
    .addOption(new Option('--as <name>', 'with --remote: name of the model here; made from --model when it is left out'))
    .addOption(
      new Option(
        '--sample <file>',
        'rows as .csv, .jsonl or .parquet, for ranges, nulls, domains, distributions and golden cases; with --remote a request of the protocol, as JSON, whose answer becomes the golden case',
      ),
    )
    .addOption(new Option('--ignore <columns>', 'columns of the sample that are no input, such as the label, with commas between').argParser(names))
    .addOption(new Option('--out <dir>', 'folder that gets models/, golden/ and rollout/').default('.'))
    .option('--json', 'one JSON object on standard output')
    .action((graph: string | undefined, options: InitOptions) => init(graph, options, io));
