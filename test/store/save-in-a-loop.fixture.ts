// Moves a weight in the directory of the first argument, over and over, as a gateway does. Says each ledger head once it
// is durable, and what is left when a move fails. Killed, or stopped by a failing disk. The second argument numbers the
// life of the gateway: each is an hour after the one before, since two deaths close together end the rollout.
import { createControlContext } from '../../src/control-plane/change-rollout.ts';
import { createRolloutControl } from '../../src/control-plane/rollout-control.ts';
import { headText } from '../../src/ledger/ledger-entry.ts';
import { createSqliteRolloutStore } from '../../src/store/sqlite-rollout-store.ts';
import type { TrafficAssignment } from '../../src/store/traffic-assignment.ts';
import { found, planFile } from '../support/rollout-files.ts';

const say = (line: unknown): void => void process.stdout.write(`${typeof line === 'string' ? line : JSON.stringify(line)}\n`);
const store = await createSqliteRolloutStore({ dataDir: process.argv[2] ?? '', onEntry: (entry) => say(headText(entry)) });
let published: TrafficAssignment | null = null;
const control = createRolloutControl(
  createControlContext({
    store,
    clock: { wallMs: () => 1_767_225_600_000 + Number(process.argv[3] ?? 0) * 3_600_000, monotonicMs: () => 0 },
    newId: () => 'rollout-1',
    publish: (assignment) => {
      published = assignment;
    },
  }),
);
await control.reconcile(found(['1.4.0', '2.0.0'], [planFile()]));
let before: unknown = null;
try {
  for (let weight = 1; ; weight = (weight % 100) + 1) {
    before = { state: control.get('card-fraud'), published };
    await control.setWeight('card-fraud', { weight, reason: 'a look at real traffic', actor: 'olga' });
  }
} catch (error) {
  const [record] = await store.load();
  say({ error: String(error), before, after: { state: control.get('card-fraud'), published }, record, head: await store.ledger.head() });
  process.exit(0);
}
