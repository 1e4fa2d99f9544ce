import type { TimePart } from '../../bundle/contract.ts';

/** RFC 3339 with seconds and an offset: a time without an offset names no instant. */
const rfc3339 = /^(\d{4}-\d{2}-(\d{2}))T([01]\d|2[0-3]):\d{2}:\d{2}(\.\d{1,9})?(Z|[+-]\d{2}:\d{2})$/i;

/** The instant in milliseconds, or NaN. `Date.parse` alone takes 30 February for 2 March. */
const instantOf = (timestamp: string): number => {
  const [, date, day] = rfc3339.exec(timestamp) ?? [];
  if (date === undefined || new Date(`${date}T00:00:00Z`).getUTCDate() !== Number(day)) return Number.NaN;
  return Date.parse(timestamp);
};

const weekend = new Set(['Sat', 'Sun']);

/**
 * Reads a part of the local time from an RFC 3339 timestamp: the hour 0-23, or 1/0 for a weekend (Saturday, Sunday) or a
 * night (22:00 to 05:59).
 *
 * @param timeZone an IANA time zone, whose daylight saving rules apply
 * @returns a reader that gives NaN for what is no timestamp with an offset
 */
export const createLocalTimeReader = (timeZone: string, part: TimePart): ((timestamp: string) => number) => {
  const format = new Intl.DateTimeFormat('en-GB', { timeZone, hour: '2-digit', hourCycle: 'h23', weekday: 'short' });
  const read = readers[part];
  return (timestamp) => {
    const instant = instantOf(timestamp);
    if (Number.isNaN(instant)) return Number.NaN;
    const parts = new Map(format.formatToParts(instant).map(({ type, value }) => [type, value]));
    return read(Number(parts.get('hour')), parts.get('weekday') ?? '');
  };
};

const readers: Readonly<Record<TimePart, (hour: number, weekday: string) => number>> = {
  hour: (hour) => hour,
  isWeekend: (_, weekday) => Number(weekend.has(weekday)),
  isNight: (hour) => Number(hour < 6 || hour >= 22),
};
