import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { environmentName, readSettings, SettingsError, secretSettings, settingsSchema, trustModeOf } from '../src/settings.ts';

const secret = 'ab'.repeat(32);

const faultsOf = (flags: Record<string, unknown>, environment: Record<string, string> = {}): readonly string[] => {
  try {
    readSettings(flags, environment);
  } catch (error) {
    if (error instanceof SettingsError) return error.message.split('\n');
  }
  return [];
};

const fileWith = async (content: string): Promise<string> => {
  const folder = await mkdtemp(join(tmpdir(), 'handoff-settings-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  await writeFile(join(folder, 'secret'), content);
  return join(folder, 'secret');
};

describe('readSettings', () => {
  it('has a default for all that is needed, closed to the network', () => {
    expect(readSettings({}, {})).toEqual({
      host: '127.0.0.1',
      port: 8080,
      adminHost: '127.0.0.1',
      adminPort: 8081,
      modelsDir: 'models',
      goldenDir: 'golden',
      rolloutDir: 'rollout',
      dataDir: '.handoff',
      allowAnonymous: false,
      maxBodyBytes: 16_777_216,
      maxPendingRequests: 2_048,
      maxPendingBytes: 268_435_456,
      drainTimeoutMs: 25_000,
      logLevel: 'info',
    });
  });

  it('takes flags before environment before defaults', () => {
    const environment = { HANDOFF_PORT: '9001', HANDOFF_ADMIN_PORT: '9002' };
    expect(readSettings({ port: '9000' }, environment)).toMatchObject({ port: 9_000, adminPort: 9_002, modelsDir: 'models' });
  });

  it.each(Object.keys(settingsSchema.shape) as (keyof typeof settingsSchema.shape)[])('reads %s from the environment and has help for it', (name) => {
    expect(environmentName(name)).toMatch(/^HANDOFF_[A-Z_]+$/);
    expect(settingsSchema.shape[name].description).toMatch(/\S/);
  });

  it.each([
    ['adminPort', 'HANDOFF_ADMIN_PORT'],
    ['host', 'HANDOFF_HOST'],
    ['maxBodyBytes', 'HANDOFF_MAX_BODY_BYTES'],
  ] as const)('calls %s %s', (name, variable) => {
    expect(environmentName(name)).toBe(variable);
  });

  it.each([
    ['0', 0],
    ['65535', 65_535],
    [8080, 8_080],
  ])('takes the port %j', (port, expected) => {
    expect(readSettings({ port }, {}).port).toBe(expected);
  });

  it.each(['', ' ', '65536', '-1', '80.5', 'http', '0x50', '8e3', 'true', ' 80'])('refuses the port %j', (port) => {
    expect(faultsOf({}, { HANDOFF_PORT: port })).toEqual([`HANDOFF_PORT: got ${port || 'nothing'}, expected a port from 0 to 65535`]);
  });

  it.each([
    ['HANDOFF_MAX_BODY_BYTES', '0', 'a whole number of at least 1'],
    ['HANDOFF_MAX_PENDING_REQUESTS', 'many', 'a whole number of at least 1'],
    ['HANDOFF_DRAIN_TIMEOUT_MS', '-1', 'a whole number from 1 to 2147483647'],
    ['HANDOFF_DRAIN_TIMEOUT_MS', '2147483648', 'a whole number from 1 to 2147483647'],
    ['HANDOFF_LOG_LEVEL', 'loud', 'debug, info, warn, error or silent'],
    ['HANDOFF_ALLOW_ANONYMOUS', 'yes', 'true or false'],
    ['HANDOFF_MODELS_DIR', '', 'some text'],
    ['HANDOFF_KEYS_FILE', '', 'some text'],
  ])('refuses %s=%s', (variable, value, expected) => {
    expect(faultsOf({}, { [variable]: value })).toEqual([`${variable}: got ${value || 'nothing'}, expected ${expected}`]);
  });

  it.each([
    [true, true],
    ['true', true],
    ['false', false],
  ])('takes allowAnonymous %j', (allowAnonymous, expected) => {
    expect(readSettings({ allowAnonymous }, {}).allowAnonymous).toBe(expected);
  });

  it('finds every fault at once, those between settings too', () => {
    const environment = {
      HANDOFF_PORT: 'http',
      HANDOFF_LOG_LEVEL: 'loud',
      HANDOFF_ADMIN_HOST: '0.0.0.0',
      HANDOFF_HOST: '0.0.0.0',
      HANDOFF_PREDICTION_KEY_FILE: '/nowhere/key',
      HANDOFF_METRICS_HOST: '0.0.0.0',
    };
    expect(faultsOf({ drainTimeoutMs: '0' }, environment).map((fault) => fault.split(':')[0])).toEqual([
      'HANDOFF_PREDICTION_KEY_FILE',
      'HANDOFF_PORT',
      'HANDOFF_DRAIN_TIMEOUT_MS',
      'HANDOFF_LOG_LEVEL',
      'HANDOFF_HOST',
      'HANDOFF_ADMIN_HOST',
      'HANDOFF_METRICS_HOST',
    ]);
  });

  it('let the largest body be read', () => {
    expect(faultsOf({ maxBodyBytes: '1000', maxPendingBytes: '999' }, {})).toEqual([
      'HANDOFF_MAX_PENDING_BYTES: got 999, expected at least HANDOFF_MAX_BODY_BYTES, which is 1000',
    ]);
    expect(readSettings({ maxBodyBytes: '1000', maxPendingBytes: '1000' }, {})).toMatchObject({ maxPendingBytes: 1_000 });
  });

  it('passes over variables of others', () => {
    expect(readSettings({}, { PORT: '1', OTEL_EXPORTER_OTLP_ENDPOINT: 'x', HANDOFF_COLOUR: 'red' }).port).toBe(8_080);
  });
});

describe('secrets', () => {
  it('are read from a file, without its line end', async () => {
    expect(readSettings({}, { HANDOFF_PREDICTION_KEY_FILE: await fileWith(`${secret}\n`) }).predictionKey).toBe(secret);
  });

  it('are taken from the variable itself before the file', async () => {
    const environment = { HANDOFF_PREDICTION_KEY: secret, HANDOFF_PREDICTION_KEY_FILE: await fileWith('cd'.repeat(32)) };
    expect(readSettings({}, environment).predictionKey).toBe(secret);
  });

  it('are refused when the file cannot be read', () => {
    expect(faultsOf({}, { HANDOFF_PREDICTION_KEY_FILE: '/nowhere/key' })).toEqual([
      'HANDOFF_PREDICTION_KEY_FILE: got /nowhere/key, expected a file that can be read',
    ]);
  });

  it.each(['hunter2-hunter2', 'AB'.repeat(32), `${secret}0`])('are never shown: %s', async (wrong) => {
    const fromVariable = faultsOf({}, { HANDOFF_PREDICTION_KEY: wrong });
    const fromFile = faultsOf({}, { HANDOFF_PREDICTION_KEY_FILE: await fileWith(wrong) });
    expect(fromVariable).toEqual(['HANDOFF_PREDICTION_KEY: got [redacted], expected 64 lower-case hexadecimal characters']);
    expect(fromFile).toEqual(fromVariable);
  });

  it('are, with the address of the webhook, the only settings that a file can hold', async () => {
    expect(secretSettings).toEqual(['predictionKey', 'ledgerKey', 'webhookSecret']);
    expect(readSettings({}, { HANDOFF_WEBHOOK_URL_FILE: await fileWith('https://example.com/hook\n') }).webhookUrl).toBe('https://example.com/hook');
    expect(readSettings({}, { HANDOFF_PORT_FILE: await fileWith('9000') }).port).toBe(8_080);
  });
});

describe('the webhook', () => {
  it.each(['https://example.com/hook?token=sesame', 'http://127.0.0.1:9000'])('may be at %s', (webhookUrl) => {
    expect(readSettings({ webhookUrl }, {}).webhookUrl).toBe(webhookUrl);
  });

  it.each(['sesame', 'ftp://sesame.example.com', 'https://user:sesame@example.com', ''])('may not be at %j, which is not shown', (webhookUrl) => {
    expect(faultsOf({ webhookUrl })).toEqual(['HANDOFF_WEBHOOK_URL: got [redacted], expected an http or https address without a user and password in it']);
  });

  it.each([`whsec_${Buffer.alloc(32).toString('base64')}`, Buffer.alloc(24).toString('base64')])('is signed with %s', (given) => {
    expect(readSettings({}, { HANDOFF_WEBHOOK_SECRET: given }).webhookSecret).toBe(given);
  });

  it('is not signed with a short secret, which is not shown', () => {
    expect(faultsOf({}, { HANDOFF_WEBHOOK_SECRET: 'sesame' })).toEqual([
      'HANDOFF_WEBHOOK_SECRET: got [redacted], expected 24 to 64 bytes in base64, with or without whsec_ before it',
    ]);
  });
});

describe('loopback', () => {
  it.each(['127.0.0.1', '::1', 'localhost'])('%s needs no keys', (host) => {
    expect(readSettings({ host, adminHost: host }, {})).toMatchObject({ host, adminHost: host });
  });

  it.each(['0.0.0.0', '::', '10.0.0.1', 'gateway.example.com', '127.0.0.1.example.com'])('the data port leaves it for %s with keys or a clear word', (host) => {
    expect(faultsOf({ host })).toEqual([`HANDOFF_HOST: got ${host}, expected a loopback address, or HANDOFF_KEYS_FILE, or --allow-anonymous`]);
    expect(readSettings({ host, keysFile: 'keys' }, {}).host).toBe(host);
    expect(readSettings({ host, allowAnonymous: true }, {}).host).toBe(host);
  });

  it('the admin port leaves it with keys only', () => {
    const fault = 'HANDOFF_ADMIN_HOST: got 0.0.0.0, expected a loopback address, or HANDOFF_KEYS_FILE';
    expect(faultsOf({ adminHost: '0.0.0.0' })).toEqual([fault]);
    expect(faultsOf({ adminHost: '0.0.0.0', allowAnonymous: true })).toEqual([fault]);
    expect(readSettings({ adminHost: '0.0.0.0', keysFile: 'keys' }, {}).adminHost).toBe('0.0.0.0');
  });

  it('requires signatures when it has trusted keys, unless it is told otherwise, and cannot without', () => {
    expect(trustModeOf(readSettings({}, {}))).toBe('warn');
    expect(trustModeOf(readSettings({ trustedKeysDir: 'keys' }, {}))).toBe('require');
    expect(trustModeOf(readSettings({ trustedKeysDir: 'keys' }, { HANDOFF_TRUST: 'off' }))).toBe('off');
    expect(faultsOf({ trust: 'require' })).toEqual(['HANDOFF_TRUST: got require, expected HANDOFF_TRUSTED_KEYS_DIR beside it']);
  });

  it('the metrics port may leave it, but not without a number', () => {
    expect(faultsOf({ metricsHost: '0.0.0.0' })).toEqual(['HANDOFF_METRICS_HOST: got an address, expected HANDOFF_METRICS_PORT beside it']);
    expect(readSettings({ metricsHost: '0.0.0.0', metricsPort: '9100' }, {})).toMatchObject({ metricsHost: '0.0.0.0', metricsPort: 9_100 });
  });
});
