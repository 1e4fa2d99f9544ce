/**
 * Rollbacks that the store has not kept, noted where a full disk and a restart do not matter. A note is made as soon as a rollback is in force
 * without the store, is taken up before the next life publishes anything, and goes when the rollback was kept.
 */
import type { RollbackNote, RolloutRecord } from '../store/rollout-store.ts';
import { type ControlContext, gateway } from './change-rollout.ts';
import { isLive } from './position.ts';

type Noting = Pick<ControlContext, 'store' | 'unkept'>;

const notesOf = ({ unkept }: Noting): readonly RollbackNote[] =>
  [...unkept].flatMap(([rollout, { model, move, epoch, actor, sentence }]) => (move === 'rollback' ? [{ model, rollout, epoch, actor, sentence }] : []));

/** Makes the notes say what is so now. Cheap when they do. Rejects when they cannot be written. */
export const noteRollbacks = (context: Noting): Promise<void> => context.store.notes.write(notesOf(context));

const marked = (text: string, mark: string): string => (text.endsWith(mark) ? text : text + mark);

/** The evidence that the engine saw has ended with its life, so it is not the one who decides now. */
const takenUp = ({ model, epoch, actor, sentence }: RollbackNote) => ({
  move: 'rollback' as const,
  model,
  epoch,
  actor: actor === gateway ? `${gateway} (before a restart)` : actor,
  sentence: marked(sentence, ' (decided before a restart)'),
});

/** Declares what an earlier life has noted of rollouts that are on. Rejects when the notes cannot be read. */
export const takeUpNotes = async ({ store, unkept }: Noting, records: readonly RolloutRecord[]): Promise<void> => {
  for (const note of await store.notes.read()) {
    const isOn = records.some(({ rollout, phase, epoch }) => rollout === note.rollout && isLive(phase) && epoch < note.epoch);
    if (isOn) unkept.set(note.rollout, takenUp(note));
  }
};
