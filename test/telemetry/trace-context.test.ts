import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { createTraceIds, formatTraceparent, parseTraceContext } from '../../src/telemetry/trace-context.ts';

const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';
const spanId = '00f067aa0ba902b7';

describe('parseTraceContext', () => {
  it.each([
    ['a sampled parent', `00-${traceId}-${spanId}-01`, true],
    ['a parent that is not sampled', `00-${traceId}-${spanId}-00`, false],
    ['flags that it does not know', `00-${traceId}-${spanId}-ff`, true],
    ['only the lowest flag as sampled', `00-${traceId}-${spanId}-02`, false],
    ['a later version', `cc-${traceId}-${spanId}-01`, true],
    ['a later version with more fields', `cc-${traceId}-${spanId}-01-what-will-be`, true],
  ])('reads %s', (_, header, sampled) => {
    expect(parseTraceContext(header, undefined)).toEqual({ traceId, spanId, sampled, tracestate: undefined });
  });

  it.each([
    ['no header', undefined],
    ['an empty header', ''],
    ['version ff', `ff-${traceId}-${spanId}-01`],
    ['an all-zero trace id', `00-${'0'.repeat(32)}-${spanId}-01`],
    ['an all-zero span id', `00-${traceId}-${'0'.repeat(16)}-01`],
    ['upper-case letters', `00-${traceId.toUpperCase()}-${spanId}-01`],
    ['more fields in version 00', `00-${traceId}-${spanId}-01-more`],
    ['a trailing dash in version 00', `00-${traceId}-${spanId}-01-`],
    ['a later version that goes on without a dash', `cc-${traceId}-${spanId}-01.more`],
    ['a short trace id', `00-${traceId.slice(1)}-${spanId}-01`],
    ['a letter that is not hex', `00-${traceId.replace('4', 'g')}-${spanId}-01`],
    ['no flags', `00-${traceId}-${spanId}`],
    ['surrounding spaces', ` 00-${traceId}-${spanId}-01`],
    ['a line feed at the end', `00-${traceId}-${spanId}-01\n`],
    ['two headers joined', `00-${traceId}-${spanId}-01, 00-${traceId}-${spanId}-01`],
  ])('refuses %s', (_, header) => {
    expect(parseTraceContext(header, 'vendor=1')).toBeNull();
  });

  it.each([
    ['keeps', 'rojo=00f067aa0ba902b7,congo=t61rcWkgMzE', 'rojo=00f067aa0ba902b7,congo=t61rcWkgMzE'],
    ['drops an overlong', `a=${'x'.repeat(511)}`, undefined],
    ['drops an unprintable', 'a=\u00ff', undefined],
    ['drops an empty', '', undefined],
  ])('%s tracestate', (_, given, kept) => {
    expect(parseTraceContext(`00-${traceId}-${spanId}-01`, given)?.tracestate).toBe(kept);
  });

  it('reads what formatTraceparent writes', () => {
    expect(parseTraceContext(formatTraceparent({ traceId, spanId }, true), undefined)).toEqual({ traceId, spanId, sampled: true, tracestate: undefined });
  });
});

describe('createTraceIds', () => {
  it('gives well-formed ids that do not repeat, across refills of its pool', () => {
    const ids = createTraceIds(randomBytes);
    const pairs = Array.from({ length: 2000 }, () => ({ traceId: ids.traceId(), spanId: ids.spanId() }));
    expect(pairs.filter((pair) => parseTraceContext(formatTraceparent(pair, false), undefined) === null)).toEqual([]);
    expect(new Set(pairs.map((pair) => pair.traceId)).size).toBe(pairs.length);
    expect(new Set(pairs.map((pair) => pair.spanId)).size).toBe(pairs.length);
  });
});
