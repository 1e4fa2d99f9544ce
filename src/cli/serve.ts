import { Command, Option } from 'commander';
import { workerEntry } from '../data-plane/inference/worker-entry.ts';
import { createLauncher } from '../data-plane/processes/launcher.ts';
import type { RunningGateway } from '../main.ts';
import { environmentName, readSettings, type SettingName, type Settings, SettingsError, secretSettings, settingsSchema } from '../settings.ts';
import { DataDirectoryInUseError } from '../store/rollout-store.ts';
import type { CliIo } from './io.ts';

const signals = ['SIGTERM', 'SIGINT'] as const;

const optionOf = (name: SettingName): Option => {
  const flag = name.replaceAll(/[A-Z]/g, '-$&').toLowerCase();
  const isSwitch = name === 'allowAnonymous';
  return new Option(isSwitch ? `--${flag}` : `--${flag} <value>`, `${settingsSchema.shape[name].description ?? ''} (env ${environmentName(name)})`);
};

/** The signals are heard from the start: process 1 of a container would else ignore them while it starts. */
const drainOnSignal = (started: Promise<RunningGateway>): void => {
  const drain = (): void => {
    // A second signal ends the process at once, as people expect.
    for (const signal of signals) process.removeAllListeners(signal).once(signal, () => process.exit(130));
    started
      .then((gateway) => gateway.drain())
      .then(
        () => process.exit(0),
        () => process.exit(3),
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
    const started = start(readSettings(flags, io.env));
    drainOnSignal(started);
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
  if (error instanceof DataDirectoryInUseError) return error.message;
  return error instanceof Error && Reflect.get(error, 'syscall') === 'listen' ? error.message : null;
};

/** `handoff serve`: the gateway, until SIGTERM. */
export const serveCommand = (io: CliIo): Command => {
  const command = new Command('serve').description('serve the bundles until SIGTERM');
  for (const name of Object.keys(settingsSchema.shape) as SettingName[]) if (!secretSettings.includes(name)) command.addOption(optionOf(name));
  return command.action((flags: Record<string, unknown>) => serve(flags, io));
};
