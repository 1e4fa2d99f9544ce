import { Command, Option } from 'commander';
import { workerEntry } from '../data-plane/inference/worker-entry.ts';
import { createLauncher } from '../data-plane/processes/launcher.ts';
import type { RunningGateway } from '../main.ts';
import { environmentName, readSettings, type SettingName, type Settings, SettingsError, secretSettings, settingsSchema } from '../settings.ts';
import { DataDirectoryInUseError, DataDirectoryUnusableError } from '../store/rollout-store.ts';
import { LateError, within } from '../within.ts';
import type { CliIo } from './io.ts';

const signals = ['SIGTERM', 'SIGINT'] as const;

const optionOf = (name: SettingName): Option => {
  const flag = name.replaceAll(/[A-Z]/g, '-$&').toLowerCase();
  const isSwitch = name === 'allowAnonymous';
  return new Option(isSwitch ? `--${flag}` : `--${flag} <value>`, `${settingsSchema.shape[name].description ?? ''} (env ${environmentName(name)})`);
};

/** The opening of the store waits up to 5 s for somebody who reads the file; Docker kills 10 s after its signal. */
const startPatienceMs = 8_000;
/** After the drain timeout. A database that somebody holds is waited for half of it; `k8s/base` kills 15 s after that timeout. */
const closePatienceMs = 12_000;

/**
 * An exit waits for the threads of the process, and that of a store whose disk hangs does not end. A process that becomes
 * another one leaves them behind, and can do so as process 1 of a container too, to which a signal of its own is nothing.
 */
const endAtOnce = (code: 3 | 130): void => {
  // Windows has no such call.
  if (process.execve === undefined) process.exit(code);
  process.execve(process.execPath, [process.execPath, '--eval', `process.exit(${code})`], {});
};

/** The signals are heard from the start: process 1 of a container would else ignore them while it starts. */
const drainOnSignal = (started: Promise<RunningGateway>, { drainTimeoutMs }: Settings, io: CliIo): void => {
  const end = async (): Promise<void> => {
    const gateway = await within(started, startPatienceMs, `the gateway is still starting ${startPatienceMs / 1_000} s after it was asked to end`);
    const limitMs = drainTimeoutMs + closePatienceMs;
    await within(gateway.drain(), limitMs, `the gateway is not closed ${limitMs / 1_000} s after it was asked to end`);
  };
  const drain = (): void => {
    // A second signal ends the process at once, as people expect.
    for (const signal of signals) process.removeAllListeners(signal).once(signal, () => endAtOnce(130));
    end().then(
      () => process.exit(0),
      (error: unknown) => {
        if (!(error instanceof LateError)) process.exit(3);
        io.stderr(`${error.message}: its data folder may not answer\n`);
        endAtOnce(3);
      },
    );
  };
  for (const signal of signals) process.removeAllListeners(signal).once(signal, drain);
};

/** Worker processes come up while the gateway is loaded: as many as there are models that are loaded at once. */
const preparedWorkers = 2;

const start = async (settings: Settings): Promise<RunningGateway> => {
  const launcher = createLauncher();
  launcher.prepare(workerEntry, preparedWorkers);
  try {
    const { startGateway } = await import('../main.ts');
    return await startGateway(settings, launcher);
  } catch (error) {
    // The command then ends by itself, and only without processes. Any other fault ends it at once, and them with it.
    if (error instanceof SettingsError) await launcher.close();
    throw error;
  }
};

const serve = async (flags: Readonly<Record<string, unknown>>, io: CliIo): Promise<void> => {
  try {
    const settings = readSettings(flags, io.env);
    const started = start(settings);
    drainOnSignal(started, settings, io);
    await started;
  } catch (error) {
    if (error instanceof SettingsError) {
      io.stderr(`${error.message}\n`);
      return io.setExitCode(2);
    }
    io.stderr(`${expected(error) ?? (error instanceof Error ? error.stack : String(error))}\n`);
    process.exit(3);
  }
};

/** The message of a fault that an operator can mend; null for a bug, whose stack is then shown. */
const expected = (error: unknown): string | null => {
  if (error instanceof DataDirectoryInUseError || error instanceof DataDirectoryUnusableError) return error.message;
  return error instanceof Error && Reflect.get(error, 'syscall') === 'listen' ? error.message : null;
};

/** `handoff serve`: the gateway, until SIGTERM. */
export const serveCommand = (io: CliIo): Command => {
  const command = new Command('serve').description('serve the bundles until SIGTERM');
  for (const name of Object.keys(settingsSchema.shape) as SettingName[]) if (!secretSettings.includes(name)) command.addOption(optionOf(name));
  return command.action((flags: Record<string, unknown>) => serve(flags, io));
};
