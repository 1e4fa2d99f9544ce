/** One object of a contract document, as YAML would give it. */
interface ObjectParts {
  readonly name: string;
  readonly physicalType?: 'tensor' | 'passThrough' | 'derived';
  readonly direction?: 'input' | 'output';
  readonly datatype?: string;
  readonly shape?: readonly number[];
  readonly quality?: readonly object[];
}

const objectOf = ({ name, physicalType = 'tensor', direction = 'input', datatype = 'FP32', shape = [-1, 1], quality = [] }: ObjectParts, field: object) => ({
  name,
  logicalType: 'object',
  physicalType,
  quality,
  customProperties: [
    { property: 'direction', value: direction },
    ...(physicalType === 'tensor'
      ? [
          { property: 'oipDatatype', value: datatype },
          { property: 'oipShape', value: shape },
        ]
      : []),
  ],
  properties: [{ name: 'field', required: true, ...field }],
});

const number = { name: 'number', logicalType: 'number' };
const plain = [objectOf({ name: 'plain' }, { ...number, name: 'plain' }), objectOf({ name: 'score', direction: 'output' }, { ...number, name: 'score' })];

/** A contract document with one field of interest, called `field` of the object `object`, beside a plain input and a plain output. */
export const contractDocument = (field: object, place: Partial<ObjectParts> = {}) => ({
  apiVersion: 'v3.1.0',
  kind: 'DataContract',
  id: 'test',
  version: '1.0.0',
  status: 'active',
  schema: [...plain, objectOf({ name: 'object', ...place }, field)],
});

/** The rule that names valid values or their pattern. */
export const validRule = (rule: object, comparison: object = { mustBe: 0 }) => ({ metric: 'invalidValues', arguments: rule, ...comparison });
