/** The raw event log of test/support/record-raw-events.ts, read again. */

/** A line of the log. Times are of the monotonic clock of the process, milliseconds. */
export type RawRecord = { readonly atMs: number } & (
  | { readonly kind: 'started'; readonly pid: number; readonly originMs: number }
  | {
      readonly kind: 'received';
      readonly id: string;
      readonly arrivedMs: number;
      readonly headers: Readonly<Record<string, string>>;
      readonly body: string;
    }
  | {
      readonly kind: 'assigned';
      readonly requestId: string;
      readonly rollout: string | null;
      readonly epoch: number;
      readonly arm: Arm | null;
      readonly second: number | null;
    }
  | { readonly kind: 'failed'; readonly requestId: string; readonly failure: string | null }
  | {
      readonly kind: 'answered';
      readonly id: string;
      readonly status: number;
      readonly headers: Readonly<Record<string, string>>;
      readonly gone: boolean;
      readonly body: string;
    }
  | PairRecord
);

export type Arm = 'baseline' | 'candidate';

export interface PairRecord {
  readonly kind: 'pair';
  readonly atMs: number;
  readonly is: 'begun' | 'ended';
  readonly rollout: string;
  readonly requestId: string;
  readonly order: readonly Arm[];
  readonly second?: number;
  readonly runs?: Readonly<Record<Arm, RawRun>> | null;
  readonly differ?: readonly boolean[] | null;
}

/** A run of a pair as the comparison process told it. */
export type RawRun = 'lost' | { readonly result: 'ok' | 'error' | 'breach' | 'unreadable'; readonly us: number };

/** One life of a gateway: from its start to the next one's. */
export interface Life {
  /** Wall time at which its clock was 0, milliseconds since the epoch. */
  readonly originMs: number;
  readonly records: readonly RawRecord[];
}

/** The lives of a log. Half a line at its end, of a process that was killed while it wrote, is left out. */
export const readRawLog = (text: string): readonly Life[] => {
  const whole = text.slice(0, text.lastIndexOf('\n') + 1);
  const records = whole
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as RawRecord);
  const lives: { originMs: number; records: RawRecord[] }[] = [];
  for (const record of records) {
    if (record.kind === 'started') lives.push({ originMs: record.originMs, records: [] });
    else lives.at(-1)?.records.push(record);
  }
  return lives;
};
