import { readFile } from 'node:fs/promises';
import type { ErrorObject, ValidateFunction } from 'ajv';
import { Ajv2019 } from 'ajv/dist/2019.js';
import { shown } from '../bundle/fault.ts';
import type { Finding } from './finding.ts';
import type { RuleGroup } from './subject.ts';

const schemaFile = new URL('./odcs-3.1.0.schema.json', import.meta.url);

/** Compiled once a process: that takes a third of a second, and every bundle is held against the same schema. */
const compileStandard = async (): Promise<ValidateFunction> => {
  const schema = JSON.parse(await readFile(schemaFile, 'utf8')) as object;
  // The schema's formats are notes to readers in this dialect, and it uses keywords that a strict ajv calls unknown.
  return new Ajv2019({ allErrors: true, strict: false, validateFormats: false }).compile(schema);
};
let standard: Promise<ValidateFunction> | null = null;

/**
 * Holds the contract against the official JSON Schema of the Open Data Contract Standard v3.1.0, kept beside this file.
 * @see https://github.com/bitol-io/open-data-contract-standard (Apache-2.0)
 */
export const checkContractStandard: RuleGroup = async ({ rawContract }, report) => {
  standard ??= compileStandard();
  const validate = await standard;
  // No turn of the loop lies between the check and the reading of its errors, which belong to the compiled function.
  validate(rawContract);
  for (const error of validate.errors ?? []) report('contract-standard', findingOf(error, rawContract));
};

const findingOf = ({ instancePath, message, params }: ErrorObject, document: unknown): Omit<Finding, 'rule'> => {
  const key: unknown = params.unevaluatedProperty ?? params.additionalProperty;
  const path = instancePath.split('/').slice(1);
  return {
    file: 'contract.odcs.yaml',
    field: [...path, ...(key === undefined ? [] : [String(key)])].join('.') || '(whole file)',
    got: key === undefined ? shown(valueAt(document, path)) : 'an unknown key',
    expected: message ?? 'what the standard asks for',
  };
};

const valueAt = (document: unknown, path: readonly string[]): unknown =>
  path.reduce<unknown>((value, key) => (typeof value === 'object' && value !== null ? Reflect.get(value, key) : undefined), document);
