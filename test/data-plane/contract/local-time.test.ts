import { describe, expect, it } from 'vitest';
import { createLocalTimeReader } from '../../../src/data-plane/contract/local-time.ts';

const hourIn = (timeZone: string) => createLocalTimeReader(timeZone, 'hour');
const hour = hourIn('Europe/Brussels');
const isWeekend = createLocalTimeReader('Europe/Brussels', 'isWeekend');
const isNight = createLocalTimeReader('Europe/Brussels', 'isNight');

describe('the hour in Brussels', () => {
  it.each([
    ['2026-01-15T12:00:00Z', 13, 'winter time'],
    ['2026-07-15T12:00:00Z', 14, 'summer time'],
    ['2026-03-29T00:59:59Z', 1, 'the last second before the clocks go forward'],
    ['2026-03-29T01:00:00Z', 3, 'the first one after: there is no hour 2'],
    ['2026-10-25T00:59:59Z', 2, 'the first hour 2 when the clocks go back'],
    ['2026-10-25T01:00:00Z', 2, 'the second hour 2'],
    ['2026-10-25T02:00:00Z', 3, 'winter time again'],
    ['2026-10-25T02:30:00+02:00', 2, 'the first hour 2, said with its offset'],
    ['2026-10-25T02:30:00+01:00', 2, 'the second hour 2, said with its offset'],
    ['2026-03-20T23:30:00Z', 0, 'midnight has passed, and is hour 0'],
    ['2026-03-20T23:30:00-08:00', 8, 'another offset'],
    ['2026-03-20t23:30:00z', 0, 'lower case, as RFC 3339 allows'],
    ['2026-03-20T23:59:59.999999999Z', 0, 'a fraction'],
    ['2024-02-29T12:00:00Z', 13, 'a leap day'],
    ['1999-06-01T12:00:00Z', 14, 'another century'],
  ])('of %s is %i: %s', (timestamp, expected) => {
    expect(hour(timestamp)).toBe(expected);
  });
});

describe('the hour elsewhere', () => {
  it.each([
    ['UTC', '2026-07-15T12:00:00Z', 12],
    ['Asia/Kolkata', '2026-07-15T12:45:00Z', 18],
    ['Pacific/Kiritimati', '2026-07-15T12:00:00Z', 2],
    ['America/New_York', '2026-03-08T07:00:00Z', 3],
  ])('in %s at %s is %i', (timeZone, timestamp, expected) => {
    expect(hourIn(timeZone)(timestamp)).toBe(expected);
  });
});

describe('the weekend in Brussels', () => {
  it.each([
    ['2026-03-20T22:59:59Z', 0, 'Friday before midnight'],
    ['2026-03-20T23:00:00Z', 1, 'Saturday in Brussels, Friday in UTC'],
    ['2026-03-22T22:59:59Z', 1, 'Sunday before midnight'],
    ['2026-03-22T23:00:00Z', 0, 'Monday in Brussels, Sunday in UTC'],
    ['2026-03-28T23:00:00Z', 1, 'the Sunday of the change begins in winter time'],
    ['2026-03-29T21:59:59Z', 1, 'and ends in summer time'],
    ['2026-03-29T22:00:00Z', 0, 'an hour earlier in UTC'],
    ['2026-10-25T22:59:59Z', 1, 'the Sunday of the other change has 25 hours'],
    ['2026-10-25T23:00:00Z', 0, 'and ends in winter time'],
  ])('holds %s: %i, %s', (timestamp, expected) => {
    expect(isWeekend(timestamp)).toBe(expected);
  });
});

describe('the night in Brussels', () => {
  it.each([
    ['2026-01-15T20:59:59Z', 0, '21:59:59'],
    ['2026-01-15T21:00:00Z', 1, '22:00'],
    ['2026-01-15T22:59:59Z', 1, 'before midnight'],
    ['2026-01-15T23:00:00Z', 1, 'midnight'],
    ['2026-01-16T04:59:59Z', 1, '05:59:59'],
    ['2026-01-16T05:00:00Z', 0, '06:00'],
    ['2026-07-15T19:59:59Z', 0, '21:59:59 in summer'],
    ['2026-07-15T20:00:00Z', 1, '22:00 in summer'],
    ['2026-07-16T04:00:00Z', 0, '06:00 in summer'],
  ])('holds %s: %i, %s', (timestamp, expected) => {
    expect(isNight(timestamp)).toBe(expected);
  });
});

describe('what names no instant', () => {
  it.each([
    '',
    'now',
    '2026-03-20',
    '2026-03-20T23:30:00',
    '2026-03-20T23:30Z',
    '2026-03-20 23:30:00Z',
    '2026-3-20T23:30:00Z',
    '2026-03-20T23:30:00+0100',
    '2026-03-20T23:30:00+01',
    '2026-03-20T23:30:00 Z',
    ' 2026-03-20T23:30:00Z',
    '2026-03-20T23:30:00Z\n',
    '2026-13-01T00:00:00Z',
    '2026-00-01T00:00:00Z',
    '2026-02-30T00:00:00Z',
    '2026-02-29T00:00:00Z',
    '2026-04-31T00:00:00Z',
    '2026-01-00T00:00:00Z',
    '2026-01-01T24:00:00Z',
    '2026-01-01T10:60:00Z',
    '2026-01-01T10:00:60Z',
    '2026-01-01T10:00:00+24:00',
    '2026-01-01T10:00:00+10:60',
    '2026-01-01T10:00:00.Z',
    '20260101T100000Z',
    '1767261600',
    '２０２６-01-01T10:00:00Z',
  ])('%j is no time', (text) => {
    expect(hour(text)).toBeNaN();
  });
});
