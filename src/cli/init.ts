import { Command, Option } from 'commander';
import { type InitResult, initRemote, type RemoteInitOptions } from './init-remote.ts';
import type { CliIo } from './io.ts';

interface InitOptions extends Partial<RemoteInitOptions> {
  readonly json?: true;
}

/** What cannot be done with what was given: said, with exit code 2. */
const usage = (io: CliIo, text: string): void => {
  io.stderr(`${text}\n`);
  io.setExitCode(2);
};

const init = async ({ remote, model, json, ...others }: InitOptions, io: CliIo): Promise<void> => {
  if (remote === undefined) return usage(io, 'init: got no --remote, expected the URL of a server');
  if (model === undefined) return usage(io, 'init: got no --model, expected the name of the model on the server');
  report(await initRemote({ ...others, remote, model, out: others.out ?? '.' }), json === true, io);
};

const report = (result: InitResult, json: boolean, io: CliIo): void => {
  if (!result.ok) {
    io.stderr(`${result.detail}\n`);
    io.setExitCode(result.reason === 'unknown' ? 3 : 1);
    return;
  }
  const { next, ...written } = result;
  io.stdout(json ? `${JSON.stringify(written, null, 2)}\n` : written.files.map((file) => `wrote ${file}\n`).join(''));
  io.stderr(next.map((line) => `${line}\n`).join(''));
  io.setExitCode(0);
};

/** `handoff init`: a first bundle for a model that somebody has already. */
export const initCommand = (io: CliIo): Command =>
  new Command('init')
    .description('write a first bundle for a model that a server of the Open Inference Protocol serves')
    .addOption(new Option('--remote <url>', 'base URL of the server, such as http://triton:8000'))
    .addOption(new Option('--model <name>', 'name of the model on the server'))
    .addOption(new Option('--version <version>', 'version of the bundle; of the model too, if the server has that version'))
    .addOption(new Option('--as <name>', 'name of the model here; made from --model when it is left out'))
    .addOption(new Option('--sample <file>', 'a request of the protocol, as JSON, whose answer becomes the golden case'))
    .addOption(new Option('--out <dir>', 'folder that gets models/, golden/ and rollout/').default('.'))
    .option('--json', 'one JSON object on standard output')
    .action((options: InitOptions) => init(options, io));
