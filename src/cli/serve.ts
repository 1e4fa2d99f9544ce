import { Command, Option } from 'commander';
import { startGateway } from '../main.ts';
import { environmentName, readSettings, type SettingName, secretSettings, settingsSchema, SettingsError } from '../settings.ts';
import { DataDirectoryInUseError } from '../store/sqlite-rollout-store.ts';
import type { CommandIo } from './io.ts';

const optionOf = (name: SettingName): Option => {
  const flag = name.replaceAll(/[A-Z]/g, '-$&').toLowerCase();
  const isSwitch = name === 'allowAnonymous';
  return new Option(isSwitch ? `--${flag}` : `--${flag} <value>`, `${settingsSchema.shape[name].description ?? ''} (env ${environmentName(name)})`);
};

const serve = async (flags: Readonly<Record<string, unknown>>, io: CommandIo): Promise<void> => {
  try {
    const gateway = await startGateway(readSettings(flags));
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
      io.talk(error.message);
      return io.exit(2);
    }
    io.talk(error instanceof DataDirectoryInUseError || isListenError(error) ? (error as Error).message : String(error instanceof Error ? error.stack : error));
    process.exit(3);
  }
};

const isListenError = (error: unknown): boolean => error instanceof Error && Reflect.get(error, 'syscall') === 'listen';

/** `handoff serve`: the gateway, until SIGTERM. */
export const serveCommand = (io: CommandIo): Command => {
  const command = new Command('serve').description('serve the bundles until SIGTERM');
  for (const name of Object.keys(settingsSchema.shape) as SettingName[]) if (!secretSettings.includes(name)) command.addOption(optionOf(name));
  return command.action((flags: Record<string, unknown>) => serve(flags, io));
};
