import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ContractDocument } from '../bundle/odcs.ts';
import type { Bundle, BundlePlace } from '../bundle/read-bundle.ts';
import type { ServingVersion } from '../data-plane/inference/serving-version.ts';
import type { Report } from './finding.ts';

/** What the gateway itself knows and a bundle may refer to, given so that the checklist knows neither commands nor metrics. */
export interface Vocabulary {
  /** Whether these words begin a command of the command line, its subcommand and flags included. */
  readonly isCommand: (words: readonly string[]) => boolean;
  /** Names of all metric families, with the suffixes of histograms. */
  readonly metricNames: ReadonlySet<string>;
}

/** A bundle that can be read and run, and everything that the rules look at. */
export interface Subject {
  readonly bundle: Bundle;
  /** The whole contract, with what the gateway does not enforce. */
  readonly contract: ContractDocument;
  /** The contract as it was written: a default is not a statement. */
  readonly rawContract: unknown;
  readonly version: ServingVersion;
  /** The version that this one is to replace, open too; null without one. */
  readonly baseline: ServingVersion | null;
  readonly vocabulary: Vocabulary;
  /** A text file of the bundle; null when it is not there. */
  readonly text: (file: string) => Promise<string | null>;
}

/** A group of rules. It reports what it finds and throws only for bugs. */
export type RuleGroup = (subject: Subject, report: Report) => void | Promise<void>;

/** Reads text files of a bundle. */
export const textReader =
  ({ folder }: BundlePlace): Subject['text'] =>
  (file) =>
    readFile(join(folder, file), 'utf8').catch(() => null);
