import { z } from 'zod';
import type { Property } from '../bundle/odcs.ts';
import type { Report, RuleId } from './finding.ts';
import type { RuleGroup, Subject } from './subject.ts';

const file = 'contract.odcs.yaml';

interface PlacedField {
  readonly entry: Property;
  /** As written in the file. */
  readonly raw: Readonly<Record<string, unknown>>;
  readonly direction: 'input' | 'output';
  readonly place: 'tensor' | 'passThrough' | 'derived';
}

type CustomList = Property['customProperties'];

/** Reports about one field. */
type FieldReport = (rule: RuleId, wrong: boolean, said: { readonly got: string; readonly expected: string }) => void;

const custom = (properties: CustomList, name: string): unknown => properties.find(({ property }) => property === name)?.value;

const rawDocument = z.looseObject({ schema: z.array(z.looseObject({ properties: z.array(z.looseObject({})) })) });

const isNumber = ({ logicalType }: Property): boolean => logicalType === 'number' || logicalType === 'integer';
const isImage = ({ physicalType }: Property): boolean => physicalType === 'base64-image';
const hasDomain = ({ quality }: Property): boolean => quality.some((rule) => rule.metric === 'invalidValues' && rule.arguments?.validValues !== undefined);

const rangeFinding = (entry: Property): { readonly got: string; readonly expected: string } | null => {
  const { minimum, maximum, exclusiveMinimum, exclusiveMaximum } = entry.logicalTypeOptions;
  if (hasDomain(entry)) return null;
  const missing = [
    ...(minimum === undefined && exclusiveMinimum === undefined ? ['minimum'] : []),
    ...(maximum === undefined && exclusiveMaximum === undefined ? ['maximum'] : []),
  ];
  return missing.length === 0 ? null : { got: `no ${missing.join(' and no ')}`, expected: 'a minimum and a maximum' };
};

/** What is asked of every field that carries a value, in or out. */
const checkValue = ({ entry }: PlacedField, report: FieldReport): void => {
  report('field-described', (entry.description ?? '').trim() === '', { got: 'no description', expected: 'a description' });
  report('field-unit', isNumber(entry) && custom(entry.customProperties, 'unit') === undefined, { got: 'no unit', expected: 'a unit' });
  const range = isNumber(entry) ? rangeFinding(entry) : null;
  if (range !== null) report('field-range', true, range);
};

const isTimePart = ({ name, customProperties }: Property): boolean =>
  custom(customProperties, 'timePart') !== undefined || /(^|_)(hour|weekend|night|weekday|month|day_of_week)($|_)/.test(name);

/** A text whose values nothing limits. */
const isAnyText = (entry: Property): boolean => {
  const { pattern, maxLength } = entry.logicalTypeOptions;
  return entry.logicalType === 'string' && !isImage(entry) && !hasDomain(entry) && pattern === undefined && maxLength === undefined;
};

/** What is asked of what a caller sends. */
const checkInput = ({ entry, raw, place }: PlacedField, report: FieldReport): void => {
  const of = (name: string): unknown => custom(entry.customProperties, name);
  const { classification = 'nothing' } = entry;
  // A value that the caller has at hand cannot know the future; one that is computed and refreshed can.
  const isComputed = place === 'tensor' && /^[1-9]/.test(String(of('refresh') ?? ''));
  const isPersonal = (entry.tags ?? []).includes('pii');
  report('field-nulls', raw.required === undefined, { got: 'nothing said', expected: 'required: true or false' });
  report('field-class', classification === 'nothing', { got: 'no classification', expected: 'public, internal, confidential or restricted' });
  report('field-provenance', of('provenance') === undefined, { got: 'no provenance', expected: 'where the value comes from' });
  report('field-refresh', of('refresh') === undefined, { got: 'no refresh', expected: 'a duration' });
  report('field-domain', isAnyText(entry), { got: 'any text', expected: 'validValues, a pattern or a maxLength' });
  report('field-time-zone', place === 'tensor' && isTimePart(entry) && of('timeZone') === undefined, { got: 'no timeZone', expected: 'an IANA time zone' });
  report('field-leakage', isComputed && of('leakage') === undefined, { got: 'nothing said', expected: 'what could leak the label, or why nothing can' });
  report('field-personal', isPersonal && (classification === 'public' || classification === 'internal'), {
    got: `${classification} with the tag pii`,
    expected: 'confidential or restricted',
  });
};

const placedFields = ({ contract, rawContract }: Subject): readonly PlacedField[] => {
  const raw = rawDocument.parse(rawContract).schema;
  return contract.schema.flatMap((object, at) =>
    object.properties.map((entry, index) => ({
      entry,
      raw: raw[at]?.properties[index] ?? {},
      direction: custom(object.customProperties, 'direction') === 'output' ? ('output' as const) : ('input' as const),
      place: object.physicalType,
    })),
  );
};

/** The examples of a field are requests in small: each must be one that the gateway would accept. */
const checkExamples = ({ version }: Subject, fields: readonly PlacedField[], report: Report): void => {
  for (const compiled of version.contract.fields) {
    const entry = fields.find((field) => field.direction === 'input' && field.entry.name === compiled.name)?.entry;
    for (const example of entry?.examples ?? [])
      if (!compiled.holds(example))
        report('field-examples', { file, field: compiled.name, got: JSON.stringify(example) ?? 'nothing', expected: compiled.expected });
  }
};

const checkDrift = ({ bundle, contract }: Subject, fields: readonly PlacedField[], report: Report): void => {
  const sensitive = fields.filter(({ entry }) => custom(entry.customProperties, 'driftSensitive') === true).map(({ entry }) => entry.name);
  const ruled = bundle.manifest.monitoring.drift.map(({ field }) => field);
  for (const name of sensitive.filter((name) => !ruled.includes(name)))
    report('drift-watched', {
      file: 'handoff.yaml',
      field: 'monitoring.drift',
      got: `no rule for ${name}`,
      expected: 'a rule, since the contract calls it driftSensitive',
    });
  for (const name of ruled.filter((name) => !sensitive.includes(name)))
    report('drift-watched', { file, field: name, got: 'not driftSensitive', expected: 'driftSensitive: true, since handoff.yaml watches its drift' });
  if (contract.customProperties.every(({ property }) => property !== 'locale'))
    report('contract-locale', { file, field: 'customProperties', got: 'no locale', expected: 'a locale such as en-BE' });
};

const checkPrivacy = ({ bundle, contract }: Subject, fields: readonly PlacedField[], report: Report): void => {
  const retention = (contract.slaProperties ?? []).find(({ property }) => property === 'retention');
  if (retention === undefined || retention.unit === undefined)
    report('retention-stated', {
      file,
      field: 'slaProperties',
      got: retention === undefined ? 'no retention' : 'a retention without a unit',
      expected: 'how long, with a unit',
    });
  const personal = fields.filter(({ entry }) => (entry.tags ?? []).includes('pii')).map(({ entry }) => entry.name);
  if (personal.length > 0 && bundle.manifest.privacy === undefined)
    report('privacy-stated', {
      file: 'handoff.yaml',
      field: 'privacy',
      got: 'nothing',
      expected: `purpose, legalBasis and contact, for ${personal.join(', ')}`,
    });
};

/** Completeness of the data contract: what a reader and an operator need to know of each field, beyond what the gateway enforces. */
export const checkContractFields: RuleGroup = (subject, report) => {
  const fields = placedFields(subject);
  for (const field of fields) {
    const of: FieldReport = (rule, wrong, said) => report(rule, { file, field: field.entry.name, ...said }, wrong);
    checkValue(field, of);
    if (field.direction === 'input') checkInput(field, of);
  }
  checkExamples(subject, fields, report);
  checkDrift(subject, fields, report);
  checkPrivacy(subject, fields, report);
};
