const canonicalNumber = (value: number): string => {
  if (!Number.isFinite(value)) throw new TypeError(`${value} has no JSON form`);
  // ECMAScript's own shortest form is the one that RFC 8785 §3.2.2.3 asks for; -0 is written as 0.
  return JSON.stringify(value);
};

const canonicalText = (value: string): string => {
  if (!value.isWellFormed()) throw new TypeError('text with half a surrogate pair has no UTF-8 form');
  return JSON.stringify(value);
};

const canonicalObject = (value: object): string =>
  `{${Object.entries(value)
    // By UTF-16 code units, as `sort` compares without an argument (RFC 8785 §3.2.3).
    .sort(([left], [right]) => (left < right ? -1 : 1))
    .map(([name, member]) => `${canonicalText(name)}:${canonicalJson(member)}`)
    .join(',')}}`;

/**
 * The one canonical text of a JSON value, so that equal values have equal bytes and equal hashes.
 * @throws TypeError for what has no JSON form: undefined, functions, bigints, NaN, infinities, half surrogate pairs
 * @see RFC 8785, JSON Canonicalization Scheme
 */
export const canonicalJson = (value: unknown): string => {
  if (value === null) return 'null';
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  switch (typeof value) {
    case 'boolean':
      return String(value);
    case 'number':
      return canonicalNumber(value);
    case 'string':
      return canonicalText(value);
    case 'object':
      return canonicalObject(value);
    default:
      throw new TypeError(`${typeof value} has no JSON form`);
  }
};
