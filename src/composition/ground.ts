import { randomBytes, randomInt, randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { faultText } from '../bundle/fault.ts';
import { KeyError, readTrustedKeys } from '../bundle/signing/keys.ts';
import { createTrust, type Trust } from '../bundle/signing/trust.ts';
import { systemClock } from '../clock.ts';
import { createEvidence } from '../data-plane/observe/evidence.ts';
import type { Launcher } from '../data-plane/processes/launcher.ts';
import { createModelRegistry } from '../data-plane/registry.ts';
import { type Key, parseKeys } from '../http/keys-file.ts';
import { processEnvironment, type Settings, SettingsError, trustModeOf } from '../settings.ts';
import { createLog } from '../telemetry/log.ts';
import { createMetrics } from '../telemetry/metrics.ts';
import { createTracing } from '../telemetry/tracing.ts';
import { version } from '../version.ts';

const readKeys = async (file: string | undefined): Promise<readonly Key[] | null> => {
  if (file === undefined) return null;
  const text = await readFile(file, 'utf8').catch(() => {
    throw new SettingsError([`HANDOFF_KEYS_FILE: got ${file}, expected a file that can be read`]);
  });
  const { keys, faults } = parseKeys(file, text);
  if (faults.length > 0) throw new SettingsError(faults.map(faultText));
  return keys;
};

/** Keys that cannot be used are a fault at the start; later, whoever takes one away means it. */
const openTrust = async (settings: Settings): Promise<Trust> => {
  const mode = trustModeOf(settings);
  const keysDir = settings.trustedKeysDir ?? null;
  if (keysDir !== null && mode !== 'off') {
    await readTrustedKeys(keysDir).catch((error: unknown) => {
      throw error instanceof KeyError ? new SettingsError([`HANDOFF_TRUSTED_KEYS_DIR: ${error.message}`]) : error;
    });
  }
  return createTrust({ mode, keysDir });
};

/** What everything else stands on. @throws SettingsError for a keys file or trusted keys that do not hold */
export const openGround = async (settings: Settings, launcher: Launcher) => {
  const log = createLog({ level: settings.logLevel });
  const keys = await readKeys(settings.keysFile);
  const trust = await openTrust(settings);
  const metrics = createMetrics();
  const tracing = await createTracing({ environment: processEnvironment(), version, clock: systemClock, randomBytes, log, onDropped: metrics.spansDropped });
  const incarnation = randomUUID();
  const evidence = createEvidence({ monotonicMs: systemClock.monotonicMs, incarnation });
  const randomU32 = createRandomU32();
  /** From 0 to below 1. */
  const random = (): number => randomU32() / 2 ** 32;
  return { launcher, log, keys, trust, metrics, tracing, incarnation, evidence, registry: createModelRegistry(), randomU32, random };
};

export type Ground = Awaited<ReturnType<typeof openGround>>;

/** Fresh random 32-bit draws from the operating system, a buffer at a time. */
const createRandomU32 = (): (() => number) => {
  const pool = new Uint32Array(1_024);
  let next = pool.length;
  return () => {
    if (next === pool.length) {
      crypto.getRandomValues(pool);
      next = 0;
    }
    next += 1;
    return pool[next - 1] ?? randomInt(2 ** 32);
  };
};
