import type { OutcomeStore } from '../store/outcome-store.ts';
import type { Log } from '../telemetry/log.ts';
import { everySecond, type Repeating } from './every-second.ts';

export interface PruneOutcomesDeps {
  readonly outcomes: OutcomeStore;
  readonly wallMs: () => number;
  readonly log: Log;
}

const secondsBetween = 60;
/** Some tens of milliseconds of the store's thread: what else is asked of it comes in between. */
const rowsAtOnce = 10_000;

/** Drops outcomes that nobody needs any more: a look a minute, and while there is something to drop a part of it every second. */
export const pruneOutcomes = ({ outcomes, wallMs, log }: PruneOutcomesDeps): Repeating => {
  let seconds = 0;
  let more = false;
  return everySecond(async () => {
    seconds += 1;
    if (!more && seconds % secondsBetween !== 0) return;
    try {
      more = await outcomes.prune({ nowMs: wallMs(), limit: rowsAtOnce });
    } catch (error) {
      more = false;
      log.warn({ err: error }, 'old outcomes could not be dropped');
    }
  }, log);
};
