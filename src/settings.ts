import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { type TrustMode, trustModes } from './bundle/signing/trust-mode.ts';
import { parseWebhookSecret } from './notify/sign-webhook.ts';

function isWebhookUrl(value: string): boolean {
  const url = URL.parse(value);
  return url !== null && ['http:', 'https:'].includes(url.protocol) && url.username === '' && url.password === '';
}

/** A number, or its decimal digits: an empty variable is a fault, not 0. */
const whole = (least: number, most: number, expected: string) =>
  z.union([z.number(), z.string().regex(/^\d+$/).transform(Number)], expected).pipe(z.int(expected).min(least, expected).max(most, expected));
const port = whole(0, 65_535, 'a port from 0 to 65535');
const positive = whole(1, Number.MAX_SAFE_INTEGER, 'a whole number of at least 1');
/** As long as a timer can be set for. */
const milliseconds = whole(1, 2 ** 31 - 1, 'a whole number from 1 to 2147483647');
const text = z.string().min(1, 'some text');
const secret = z.string().regex(/^[0-9a-f]{64}$/, '64 lower-case hexadecimal characters');
const webhookSecret = z.string().refine((value) => parseWebhookSecret(value) !== null, '24 to 64 bytes in base64, with or without whsec_ before it');
const webhookUrl = z.string().refine(isWebhookUrl, 'an http or https address without a user and password in it');
const flag = z.union([z.boolean(), z.enum(['true', 'false']).transform((value) => value === 'true')], 'true or false');

/** Every setting of the gateway: flag `--models-dir`, environment `HANDOFF_MODELS_DIR`. The description is the help text: effect, unit, default. */
export const settingsSchema = z.object({
  host: text.default('127.0.0.1').describe('address of the data port'),
  port: port.default(8080).describe('data port; 0 for any free one'),
  adminHost: text.default('127.0.0.1').describe('address of the admin port'),
  adminPort: port.default(8081).describe('admin port; 0 for any free one'),
  metricsHost: text.optional().describe('address of a port for metrics and health alone'),
  metricsPort: port.optional().describe('port for metrics and health alone'),
  modelsDir: text.default('models').describe('folder of the bundles, <model>/<version>/'),
  goldenDir: text.default('golden').describe('folder of the golden cases, <model>/<version>/'),
  rolloutDir: text.default('rollout').describe('folder of the rollout plans, <model>.yaml'),
  dataDir: text.default('.handoff').describe("folder of the gateway's own data"),
  keysFile: text.optional().describe('file of access keys, lines `id sha256 scopes`'),
  allowAnonymous: flag.default(false).describe('lets the data port leave loopback without keys'),
  trust: z
    .enum(trustModes, 'require, warn or off')
    .optional()
    .describe('whether bundles must be signed: require, warn or off; require when there is a folder of trusted keys, warn otherwise'),
  trustedKeysDir: text.optional().describe('folder of the public keys (`*.pem`) that bundles are trusted by'),
  predictionKey: secret.optional().describe('secret that prediction ids are signed with; made in the data folder when absent'),
  ledgerKey: secret.optional().describe('secret that the decision ledger is sealed with; made in the data folder when absent'),
  webhookUrl: webhookUrl.optional().describe('address that decisions and pages are posted to as CloudEvents; none: nothing is sent'),
  webhookSecret: webhookSecret.optional().describe('secret that the posts are signed with, as Standard Webhooks has it; without it they are not signed'),
  maxBodyBytes: positive.default(16 * 2 ** 20).describe('largest request body, bytes'),
  maxPendingBytes: positive.default(256 * 2 ** 20).describe('bytes of request bodies that are held at once, inflated ones twice; more get 503'),
  maxPendingRequests: positive.default(2_048).describe('requests under way at once; more get 503'),
  drainTimeoutMs: milliseconds.default(25_000).describe('how long requests under way may take after SIGTERM, milliseconds'),
  logLevel: z.enum(['debug', 'info', 'warn', 'error', 'silent'], 'debug, info, warn, error or silent').default('info').describe('least level that is logged'),
});

export type Settings = z.infer<typeof settingsSchema>;
export type SettingName = keyof Settings;

/** Settings whose value is better kept in a file: `HANDOFF_X_FILE` beside `HANDOFF_X`, and no flag. */
export const secretSettings: readonly SettingName[] = ['predictionKey', 'ledgerKey', 'webhookSecret'];

/** Settings whose value is never shown, and may be read from a file: the secrets, and an address that may have one in it. */
const hiddenSettings: readonly SettingName[] = [...secretSettings, 'webhookUrl'];

/** The environment variable of a setting. */
export const environmentName = (name: SettingName): string => `HANDOFF_${name.replaceAll(/[A-Z]/g, '_$&').toUpperCase()}`;

export class SettingsError extends Error {
  constructor(faults: readonly string[]) {
    super(faults.join('\n'));
    this.name = 'SettingsError';
  }
}

type Environment = Readonly<Record<string, string | undefined>>;

type Given = Readonly<Record<string, unknown>>;

/** The text of `HANDOFF_X_FILE`, if X is hidden and the variable is set. */
const secretFromFile = (name: SettingName, environment: Environment, faults: string[]): string | undefined => {
  const path = environment[`${environmentName(name)}_FILE`];
  if (!hiddenSettings.includes(name) || path === undefined) return undefined;
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    faults.push(`${environmentName(name)}_FILE: got ${path}, expected a file that can be read`);
    return undefined;
  }
};

/**
 * Flags before environment before defaults.
 *
 * @throws SettingsError with every fault at once
 */
export const readSettings = (flags: Given, environment: Environment = process.env): Settings => {
  const names = Object.keys(settingsSchema.shape) as SettingName[];
  const faults: string[] = [];
  const given: Given = Object.fromEntries(
    names.map((name) => [name, flags[name] ?? environment[environmentName(name)] ?? secretFromFile(name, environment, faults)]),
  );
  const parsed = settingsSchema.safeParse(given);
  if (!parsed.success) faults.push(...parsed.error.issues.map((issue) => faultText(issue, given)));
  faults.push(...crossFaults(parsed.success ? parsed.data : readable(names, given)));
  if (!parsed.success || faults.length > 0) throw new SettingsError(faults);
  return parsed.data;
};

/** The settings that hold by themselves, so that what they say together is checked even beside a fault. */
const readable = (names: readonly SettingName[], given: Given): Partial<Settings> =>
  Object.fromEntries(names.map((name) => [name, settingsSchema.shape[name].safeParse(given[name]).data]));

const faultText = (issue: z.core.$ZodIssue, given: Given): string => {
  const name = String(issue.path[0]) as SettingName;
  const got = hiddenSettings.includes(name) ? '[redacted]' : String(given[name]) || 'nothing';
  return `${environmentName(name)}: got ${got}, expected ${issue.message}`;
};

/** What is asked of signatures. Whoever names keys means them. */
export const trustModeOf = ({ trust, trustedKeysDir }: Pick<Settings, 'trust' | 'trustedKeysDir'>): TrustMode =>
  trust ?? (trustedKeysDir === undefined ? 'warn' : 'require');

const loopback = new Set(['127.0.0.1', '::1', 'localhost']);
const leavesLoopback = (host: string | undefined): boolean => host !== undefined && !loopback.has(host);

/** Closed by default: a port leaves loopback only with keys, the data port also when that is said to be meant. */
const crossFaults = (settings: Partial<Settings>): readonly string[] => {
  const faults: string[] = [];
  if (leavesLoopback(settings.host) && settings.keysFile === undefined && !settings.allowAnonymous) {
    faults.push(`HANDOFF_HOST: got ${settings.host}, expected a loopback address, or HANDOFF_KEYS_FILE, or --allow-anonymous`);
  }
  if (leavesLoopback(settings.adminHost) && settings.keysFile === undefined) {
    faults.push(`HANDOFF_ADMIN_HOST: got ${settings.adminHost}, expected a loopback address, or HANDOFF_KEYS_FILE`);
  }
  if (settings.trust === 'require' && settings.trustedKeysDir === undefined)
    faults.push('HANDOFF_TRUST: got require, expected HANDOFF_TRUSTED_KEYS_DIR beside it');
  if (settings.metricsHost !== undefined && settings.metricsPort === undefined)
    faults.push('HANDOFF_METRICS_HOST: got an address, expected HANDOFF_METRICS_PORT beside it');
  const { maxBodyBytes = 0, maxPendingBytes = Number.POSITIVE_INFINITY } = settings;
  if (maxPendingBytes < maxBodyBytes)
    faults.push(`HANDOFF_MAX_PENDING_BYTES: got ${maxPendingBytes}, expected at least HANDOFF_MAX_BODY_BYTES, which is ${maxBodyBytes}`);
  return faults;
};

/** The process's environment, for libraries whose own variables are left to them. */
export const processEnvironment = (): Environment => process.env;
