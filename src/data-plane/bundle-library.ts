import { type ModelContract, requestFields } from '../bundle/contract.ts';
import type { Fault } from '../bundle/fault.ts';
import { findBundles } from '../bundle/find-bundles.ts';
import type { Bundle, BundlePlace, BundleReading } from '../bundle/read-bundle.ts';
import { readBundle } from '../bundle/read-bundle.ts';
import { type Trust, type TrustVerdict, trustFaults } from '../bundle/signing/trust.ts';
import { createInTurn } from '../in-turn.ts';
import type { OpenedVersion } from './inference/open-version.ts';
import type { GoldenResult } from './inference/run-golden.ts';
import type { ModelRegistry } from './registry.ts';

/** What became of one bundle folder. */
export interface BundleReport {
  readonly model: string;
  readonly version: string;
  /** Null while its files do not hold. */
  readonly digest: string | null;
  readonly faults: readonly Fault[];
  readonly golden: readonly GoldenResult[];
  /** Who vouches for it; null while its files do not hold. */
  readonly trust: TrustVerdict | null;
}

/** The bundles on disk and what became of each. */
export interface BundleLibrary {
  /** Every folder that is there now; cheap. */
  readonly places: () => Promise<readonly BundlePlace[]>;
  /** Reads one bundle: from then on requests may carry its fields. */
  readonly look: (place: BundlePlace) => Promise<BundleReading>;
  /** Proves and serves one bundle, as it was read or as it is now, if it is not served already. Never rejects for what a bundle contains. */
  readonly take: (place: BundlePlace, looked?: Promise<BundleReading>) => Promise<BundleReport>;
  /** Takes out a version that is no longer used and answers what it still has. */
  readonly release: (model: string, version: string) => Promise<void>;
  readonly reports: () => readonly BundleReport[];
}

export interface BundleLibraryDeps {
  readonly modelsDir: string;
  readonly goldenDir: string;
  readonly registry: ModelRegistry;
  readonly trust: Trust;
  /** Hears of a bundle just before its first answer. */
  readonly onServe?: (bundle: Bundle, trust: TrustVerdict) => void;
  readonly open: (bundle: Bundle) => Promise<OpenedVersion>;
}

/** The names that its clients' rows may carry, older ones included. */
const namesOf = (contract: ModelContract, bundle: Bundle | null): readonly string[] => [
  ...requestFields(contract).map((field) => field.name),
  ...(bundle?.manifest.migration.flatMap(({ from }) => from ?? []) ?? []),
];

const keyOf = (model: string, version: string): string => `${model}/${version}`;

/** A folder that goes while it is read, or that may not be read. */
const unreadable = (error: unknown): Fault => ({
  file: '(bundle)',
  field: '(whole file)',
  got: error instanceof Error ? error.message : String(error),
  expected: 'a folder that can be read',
});

/** A version that serves is never exchanged under the same name: its answers could not be told apart. */
const compareServed = (place: BundlePlace, read: Bundle | null, served: Bundle): readonly Fault[] => {
  if (read?.digest === served.digest) return [];
  const got = read === null ? 'files that do not hold' : `digest ${read.digest}`;
  return [
    {
      file: 'handoff.yaml',
      field: 'version',
      got: `${got} under the served version ${place.version}`,
      expected: `digest ${served.digest}, or a new version`,
    },
  ];
};

export const createBundleLibrary = ({ modelsDir, goldenDir, registry, trust, onServe, open }: BundleLibraryDeps): BundleLibrary => {
  const reports = new Map<string, BundleReport>();
  const taking = new Map<string, Promise<BundleReport>>();
  const inTurn = createInTurn();

  const serve = async (bundle: Bundle): Promise<BundleReport> => {
    const { model, version, digest } = bundle;
    // Before anything of it is run: what nobody vouches for gets no process either.
    const verdict = await trust.look(bundle);
    const untrusted = trustFaults(trust, verdict);
    if (untrusted.length > 0) return { model, version, digest, faults: untrusted, golden: [], trust: verdict };
    const opened = await open(bundle);
    if (opened.version !== null) {
      onServe?.(bundle, verdict);
      registry.add(opened.version);
    }
    return { model, version, digest, faults: opened.faults, golden: opened.golden, trust: verdict };
  };

  const look = async (place: BundlePlace): Promise<BundleReading> => {
    const { model, version } = place;
    // One after the other: the first one's process loads its graph while the next is read.
    const reading = await inTurn('read', () => readBundle(place)).catch((error: unknown) => ({ bundle: null, contract: null, faults: [unreadable(error)] }));
    // Also of a bundle that is refused: its clients send its fields already, and the baseline must not turn them away for it.
    if (reading.contract !== null) registry.declare({ model, version, fields: namesOf(reading.contract, reading.bundle) });
    return reading;
  };

  const takeNow = async (place: BundlePlace, looked: Promise<BundleReading>): Promise<BundleReport> => {
    const { model, version } = place;
    const reading = await looked;
    const served = registry.get(model)?.versions.get(version)?.bundle;
    if (served !== undefined) {
      const { golden = [], trust: verdict = null } = reports.get(keyOf(model, version)) ?? {};
      return { model, version, digest: served.digest, faults: compareServed(place, reading.bundle, served), golden, trust: verdict };
    }
    const report = reading.bundle === null ? { model, version, digest: null, faults: reading.faults, golden: [], trust: null } : await serve(reading.bundle);
    reports.set(keyOf(model, version), report);
    return report;
  };

  /** Asked twice at once, a bundle is opened once: a second copy of its version would never be closed. */
  const take: BundleLibrary['take'] = (place, looked) => {
    const key = keyOf(place.model, place.version);
    const running = taking.get(key) ?? takeNow(place, looked ?? look(place)).finally(() => taking.delete(key));
    taking.set(key, running);
    return running;
  };

  return {
    places: () => findBundles({ modelsDir, goldenDir }),
    look,
    take,
    release: async (model, version) => {
      await taking.get(keyOf(model, version))?.catch(() => undefined);
      reports.delete(keyOf(model, version));
      registry.declare({ model, version, fields: [] });
      await registry.remove(model, version)?.close();
    },
    reports: () => [...reports.values()],
  };
};
