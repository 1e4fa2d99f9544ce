import { Command, Option } from 'commander';
import { startGateway } from '../main.ts';
import { environmentName, readSettings, type SettingName, secretSettings, settingsSchema, SettingsError } from '../settings.ts';
import { DataDirectoryInUseError } from '../store/rollout-store.ts';
import type { CliIo } from './io.ts';

const optionOf = (name: SettingName): Option => {
  const flag = name.replaceAll(/[A-Z]/g, '-$&').toLowerCase();
  const isSwitch = name === 'allowAnonymous';
  return new Option(isSwitch ? `--${flag}` : `--${flag} <value>`, `${settingsSchema.shape[name].description ?? ''} (env ${environmentName(name)})`);
};

const serve = async (flags: Readonly<Record<string, unknown>>, io: CliIo): Promise<void> => {
  try {
    const gateway = await startGateway(readSettings(flags, io.env));
    const drain = (): void => {
      // A second signal ends the process at once, as people expect.
      process.once('SIGTERM', () => process.exit(130)).once('SIGINT', () => process.exit(130));
      gateway.drain().then(
        () => process.exit(0),
        () => process.exit(3),
      );
    };
    process.removeAllListeners('SIGINT').once('SIGINT', drain).once('SIGTERM', drain);
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
