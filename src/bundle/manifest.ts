import { z } from 'zod';
import { durationText } from './duration.ts';
import { isOutsideDigest } from './outside-digest.ts';

/** A lower-case SHA-256 in hexadecimal, 64 characters. */
const sha256 = z.string().regex(/^[0-9a-f]{64}$/, 'expected 64 lower-case hexadecimal characters');
/** A name that stands in a path, a metric label and a host name alike. */
export const modelName = z.string().regex(/^[a-z0-9][a-z0-9-]{0,62}$/, 'expected [a-z0-9][a-z0-9-]*');
export const semver = z.string().regex(/^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-[0-9A-Za-z.-]+)?$/, 'expected a semantic version like 1.4.0');
/** A path inside the bundle: relative, forward slashes, no way out of the folder. What it names is run and read, so it is signed with the rest. */
const bundlePath = z
  .string()
  .regex(/^[A-Za-z0-9._-]+(\/[A-Za-z0-9._-]+)*$/, 'expected a relative path with forward slashes')
  .refine((path) => !path.split('/').includes('..'), 'must not leave the bundle')
  .refine((path) => !isOutsideDigest(path), 'expected a file that the digest covers');

const team = z.strictObject({ team: z.string().min(1), contact: z.string().min(1) });

/** `order` fixes the columns of the tensor; `impute` fills nulls with the contract's `imputeValue`; `encode` maps text to its index in the list. */
const tabularStep = z.union([
  z.strictObject({ order: z.array(z.string().min(1)).min(1) }),
  z.strictObject({ impute: z.literal('contract') }),
  z.strictObject({ encode: z.record(z.string(), z.array(z.string()).min(1)) }),
]);

/**
 * `decode` reads a base64 image field; `crop` takes the centre square of floor(min(w,h)*size/(size+padding)) pixels;
 * `resize` makes it size x size; `normalise` gives (v - mean) / scale as NCHW float32.
 */
const imageStep = z.union([
  z.strictObject({
    decode: z.strictObject({
      field: z.string().min(1),
      formats: z.array(z.enum(['jpeg', 'png', 'webp'])).min(1),
      maxPixels: z.int().min(1).max(100_000_000),
    }),
  }),
  z.strictObject({ crop: z.strictObject({ size: z.int().min(1), padding: z.int().min(0) }) }),
  z.strictObject({ resize: z.strictObject({ size: z.int().min(1), kernel: z.enum(['cubic', 'lanczos3', 'linear', 'nearest']) }) }),
  z.strictObject({ normalise: z.strictObject({ mean: z.number(), scale: z.number().positive() }) }),
]);

/**
 * Output steps run in order on one output tensor. `sigmoid` and `softmax` act on the tensor; `topK` names the k most
 * probable classes; `threshold` sets a flag field; `abstain` sets a flag field when the leading confidence is below
 * `below`, or the decoded image's mean luma (0-255) is below `brightnessBelow`.
 */
const outputStep = z.union([
  z.strictObject({ sigmoid: z.strictObject({}) }),
  z.strictObject({ softmax: z.strictObject({}) }),
  z.strictObject({ topK: z.strictObject({ k: z.int().min(1), labels: bundlePath, output: z.string().min(1) }) }),
  z.strictObject({ threshold: z.strictObject({ at: z.number(), output: z.string().min(1) }) }),
  z.strictObject({
    abstain: z.strictObject({
      below: z.number().optional(),
      brightnessBelow: z.number().min(0).max(255).optional(),
      output: z.string().min(1),
    }),
  }),
]);

/**
 * How a field of this version is had from a request that an older version's client sends: `from` is the older name, `factor`
 * turns its bare numbers into this field's unit, `default` stands in where the request has nothing. A field that keeps its
 * name keeps its meaning: nobody could tell a bare number in the old unit from one in the new.
 */
const migration = z
  .strictObject({
    field: z.string().min(1),
    from: z
      .string()
      .min(1)
      .refine((name) => !(name in {}), 'expected a name that no object has of itself')
      .optional(),
    factor: z.number().positive().optional(),
    default: z.union([z.number(), z.string(), z.boolean()]).optional(),
  })
  .refine(({ from, default: standIn }) => from !== undefined || standIn !== undefined, { path: ['from'], error: 'expected an older name, or a default' })
  .refine(({ from, factor }) => factor === undefined || from !== undefined, {
    path: ['factor'],
    error: 'expected none without the older name: a new unit needs a new name',
  })
  .refine(({ field, from }) => from !== field, { path: ['from'], error: 'expected another name than the field has' });
/** An address without user and password, which would be in every copy of the bundle. */
const serverUrl = z.url({ protocol: /^https?$/, error: 'expected an http or https URL' }).refine((url) => {
  const { username, password, search, hash } = new URL(url);
  return username === '' && password === '' && search === '' && hash === '';
}, 'expected a URL without user, password, query or fragment');

/**
 * The Open Inference Protocol server that runs the model: its base URL, the model's name and version there. `tensors` is
 * `binary` or `json`; absent, binary data is used when the server says that it has that extension.
 */
export const remotePlacement = z.strictObject({
  url: serverUrl,
  model: z.string().min(1).max(255),
  version: z.string().min(1).max(255).optional(),
  tensors: z.enum(['binary', 'json']).optional(),
});

const duration = durationText('expected a duration like 30s, 10m or 24h');

/** A number that is pushed from outside and says whether the version may have traffic. */
const signal = z
  .strictObject({
    name: modelName,
    unit: z.string().min(1),
    holdAbove: z.number(),
    clearBelow: z.number(),
    pageAfter: duration,
    staleAfter: duration,
    whenMissing: z.enum(['hold', 'ignore']),
    meaning: z.string().min(1),
  })
  .refine(({ holdAbove, clearBelow }) => clearBelow <= holdAbove, { path: ['clearBelow'], error: 'expected at most holdAbove' });

const namesDiffer = (signals: readonly z.infer<typeof signal>[]): boolean => new Set(signals.map(({ name }) => name)).size === signals.length;

/** The manifest `handoff.yaml`: what is in the bundle, who answers for it, how its model is fed and read. */
export const manifestSchema = z.strictObject({
  apiVersion: z.literal('handoff/v1'),
  kind: z.literal('Bundle'),
  model: modelName,
  version: semver,
  purpose: z.string().min(1),
  license: z.string().min(1),
  /** `local`: the bundle's own `model.onnx`. `remote`: the server under `remote` runs the model, and there is no such file. */
  placement: z.enum(['local', 'remote']).default('local'),
  remote: remotePlacement.optional(),
  owners: z.strictObject({ product: team, dataScience: team, engineering: team }),
  artifacts: z.array(z.strictObject({ path: bundlePath, sha256 })).min(1),
  golden: z.array(z.strictObject({ file: z.string().regex(/^\d{2}-[a-z0-9-]+\.json$/), sha256 })).min(1),
  interface: z.strictObject({
    inputs: z.array(z.strictObject({ tensor: z.string().min(1), steps: z.union([z.array(tabularStep).min(1), z.array(imageStep).min(1)]) })).min(1),
    outputs: z.array(z.strictObject({ tensor: z.string().min(1), steps: z.array(outputStep) })).min(1),
    passThrough: z.array(z.string().min(1)).default([]),
  }),
  migration: z.array(migration).default([]),
  budgets: z.strictObject({
    latencyP95Ms: z.number().positive(),
    deadlineMs: z.int().min(1).max(600_000),
    maxRows: z.int().min(1).max(10_000),
    maxBatchRows: z.int().min(1).max(100_000),
    maxQueueRows: z.int().min(1).max(1_000_000),
    maxQueueDelayMs: z.number().min(0).max(1_000).default(0),
    memoryMiB: z.int().min(64).max(65_536),
    /** Rows a second that one replica must be able to score, on the declared hardware. */
    throughputRowsPerSecond: z.number().positive().optional(),
  }),
  /** What the budgets were promised for. */
  hardware: z
    .strictObject({
      cores: z.int().min(1),
      memoryMiB: z.int().min(64),
      /** CPU features as the kernel names them, such as avx2. */
      cpuFlags: z.array(z.string().min(1)).default([]),
      /** Milliseconds that the gateway's reference work took on the machine of the promise: budgets are held in proportion to it. */
      referenceMs: z.number().positive(),
    })
    .optional(),
  /** How the bundle is rebuilt from nothing. */
  training: z
    .strictObject({
      /** Version of Python, such as 3.11. */
      python: z.string().regex(/^3\.\d+$/, 'expected a version of Python like 3.11'),
      requirements: bundlePath,
      script: bundlePath,
      /** Arguments of the script; `{out}` stands for the folder into which it writes. */
      arguments: z.array(z.string()).default([]),
      seed: z.int(),
      /** What it learns from, and how that is had again. */
      data: z.string().min(1),
      /** Shared libraries that the packages need from the system. */
      system: z.array(z.string().min(1)).default([]),
      /** File with the metrics that the script measures. */
      metrics: bundlePath,
      /** Whether a second run on the same machine gives the same bytes of model.onnx. */
      bitIdentical: z.boolean(),
    })
    .optional(),
  /** For a model that is fed with personal data. */
  privacy: z.strictObject({ purpose: z.string().min(1), legalBasis: z.string().min(1), contact: z.string().min(1) }).optional(),
  signals: z.array(signal).refine(namesDiffer, 'expected a name for each signal').default([]),
  monitoring: z.strictObject({
    drift: z
      .array(
        z.strictObject({ field: z.string(), measure: z.enum(['kl', 'psi', 'ks']), above: z.number().positive(), lasting: duration, action: z.string().min(1) }),
      )
      .default([]),
  }),
  runbook: z.strictObject({ file: bundlePath, onCall: z.string().min(1), escalation: z.array(z.string().min(1)).min(1) }),
});

export type Manifest = z.infer<typeof manifestSchema>;
export type Migration = z.infer<typeof migration>;
export type RemotePlacement = z.infer<typeof remotePlacement>;
export type ImageStep = z.infer<typeof imageStep>;
export type OutputStep = z.infer<typeof outputStep>;
