import { readFileSync } from 'node:fs';
import { z } from 'zod';

const port = z.coerce.number().int().min(0).max(65_535);
const positive = z.coerce.number().int().min(1);
const flag = z.union([z.boolean(), z.enum(['true', 'false']).transform((text) => text === 'true')]);

/** Every setting of the gateway: flag `--models-dir`, environment `HANDOFF_MODELS_DIR`. The description is the help text: effect, unit, default. */
export const settingsSchema = z.object({
  host: z.string().min(1).default('127.0.0.1').describe('address of the data port'),
  port: port.default(8080).describe('data port; 0 for any free one'),
  adminHost: z.string().min(1).default('127.0.0.1').describe('address of the admin port'),
  adminPort: port.default(8081).describe('admin port; 0 for any free one'),
  metricsHost: z.string().min(1).optional().describe('address of a port for metrics and health alone'),
  metricsPort: port.optional().describe('port for metrics and health alone'),
  modelsDir: z.string().min(1).default('models').describe('folder of the bundles, <model>/<version>/'),
  goldenDir: z.string().min(1).default('golden').describe('folder of the golden cases, <model>/<version>/'),
  rolloutDir: z.string().min(1).default('rollout').describe('folder of the rollout plans, <model>.yaml'),
  dataDir: z.string().min(1).default('.handoff').describe("folder of the gateway's own data"),
  keysFile: z.string().min(1).optional().describe('file of access keys, lines `id sha256 scopes`'),
  allowAnonymous: flag.default(false).describe('lets the data port leave loopback without keys'),
  predictionKey: z
    .string()
    .regex(/^[0-9a-f]{64}$/, '64 hexadecimal characters')
    .optional()
    .describe('secret that prediction ids are signed with; made in the data folder when absent'),
  maxBodyBytes: positive.default(16 * 2 ** 20).describe('largest request body, bytes'),
  maxPendingRequests: positive.default(2_048).describe('requests under way at once; more get 503'),
  drainTimeoutMs: positive.default(25_000).describe('how long requests under way may take after SIGTERM, milliseconds'),
  logLevel: z.enum(['debug', 'info', 'warn', 'error', 'silent']).default('info').describe('least level that is logged'),
});

export type Settings = z.infer<typeof settingsSchema>;
export type SettingName = keyof Settings;

/** Settings whose value is better kept in a file: `HANDOFF_X_FILE` beside `HANDOFF_X`, and no flag. */
export const secretSettings: readonly SettingName[] = ['predictionKey'];

/** The environment variable of a setting. */
export const environmentName = (name: SettingName): string => `HANDOFF_${name.replaceAll(/[A-Z]/g, '_$&').toUpperCase()}`;

export class SettingsError extends Error {
  constructor(faults: readonly string[]) {
    super(faults.join('\n'));
    this.name = 'SettingsError';
  }
}

type Environment = Readonly<Record<string, string | undefined>>;

const secretFromFile = (name: SettingName, environment: Environment): string | undefined => {
  const path = environment[`${environmentName(name)}_FILE`];
  if (!secretSettings.includes(name) || path === undefined) return undefined;
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    throw new SettingsError([`${environmentName(name)}_FILE: ${path} cannot be read`]);
  }
};

/**
 * Flags before environment before defaults.
 *
 * @throws SettingsError with every fault at once
 */
export const readSettings = (flags: Readonly<Record<string, unknown>>, environment: Environment = process.env): Settings => {
  const names = Object.keys(settingsSchema.shape) as SettingName[];
  const given = Object.fromEntries(names.map((name) => [name, flags[name] ?? environment[environmentName(name)] ?? secretFromFile(name, environment)]));
  const parsed = settingsSchema.safeParse(given);
  const faults = parsed.success ? crossFaults(parsed.data) : parsed.error.issues.map((issue) => faultText(issue, given));
  if (!parsed.success || faults.length > 0) throw new SettingsError(faults);
  return parsed.data;
};

const faultText = (issue: z.core.$ZodIssue, given: Readonly<Record<string, unknown>>): string => {
  const name = String(issue.path[0]) as SettingName;
  const got = secretSettings.includes(name) ? '[redacted]' : String(given[name]);
  return `${environmentName(name)}: got ${got}, expected ${issue.message}`;
};

const loopback = new Set(['127.0.0.1', '::1', 'localhost']);

/** Closed by default: a port leaves loopback only with keys, the data port also when that is said to be meant. */
const crossFaults = (settings: Settings): readonly string[] => {
  const faults: string[] = [];
  if (!loopback.has(settings.host) && settings.keysFile === undefined && !settings.allowAnonymous) {
    faults.push(`HANDOFF_HOST: got ${settings.host}, expected a loopback address, or HANDOFF_KEYS_FILE, or --allow-anonymous`);
  }
  if (!loopback.has(settings.adminHost) && settings.keysFile === undefined) {
    faults.push(`HANDOFF_ADMIN_HOST: got ${settings.adminHost}, expected a loopback address, or HANDOFF_KEYS_FILE`);
  }
  if (settings.metricsHost !== undefined && settings.metricsPort === undefined) faults.push('HANDOFF_METRICS_HOST: got an address, expected HANDOFF_METRICS_PORT beside it');
  return faults;
};

/** The process's environment, for libraries whose own variables are left to them. */
export const processEnvironment = (): Environment => process.env;
