/**
 * Rollbacks that are in force and not kept, in a small file beside the database. Its bytes are there from the start and are written in place,
 * so that a full disk does not matter. Two slots take turns: a write that is cut off leaves the other one.
 */
import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, open, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { RollbackNote, RollbackNotes } from './rollout-store.ts';

/** Fifty notes of ordinary length. */
const slotBytes = 32_768;
const slots = 2;
const notesFile = 'rollbacks.notes';
/** Of a sentence, when all of them do not fit. */
const shortCharacters = 200;

/** What one slot holds. */
interface Slot {
  /** Of the two the slot with the higher number is the newer. */
  readonly sequence: number;
  readonly notes: readonly RollbackNote[];
}

const nothingNoted: Slot = { sequence: 0, notes: [] };

const sealOf = (text: string): string => createHash('sha256').update(text).digest('hex');

const bytesOf = (slot: Slot): Buffer => {
  const text = JSON.stringify(slot);
  return Buffer.from(`${sealOf(text)} ${text}`);
};

const short = (note: RollbackNote): RollbackNote => ({ ...note, sentence: note.sentence.slice(0, shortCharacters) });

/** @throws Error when there are more notes than have room */
const slotText = (slot: Slot): Buffer => {
  const whole = bytesOf(slot);
  const bytes = whole.length <= slotBytes ? whole : bytesOf({ ...slot, notes: slot.notes.map(short) });
  if (bytes.length > slotBytes) throw new Error(`${slot.notes.length} rollbacks have no room in ${notesFile}`);
  return Buffer.concat([bytes, Buffer.alloc(slotBytes - bytes.length, ' ')]);
};

/** A slot that was never written, or not to its end, notes nothing. */
const parseSlot = (bytes: Buffer): Slot => {
  const [, seal, text] = /^([0-9a-f]{64}) (.*?) *$/s.exec(bytes.toString('utf8')) ?? [];
  return text !== undefined && sealOf(text) === seal ? (JSON.parse(text) as Slot) : nothingNoted;
};

const syncDirectory = async (dataDir: string): Promise<void> => {
  const directory = await open(dataDir, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
};

/** Opens the file and gives it all the bytes that it will ever have. */
const openWhole = async (dataDir: string): Promise<FileHandle> => {
  const file = await open(join(dataDir, notesFile), constants.O_RDWR | constants.O_CREAT, 0o600);
  try {
    const { size } = await file.stat();
    if (size >= slots * slotBytes) return file;
    await file.write(Buffer.alloc(slots * slotBytes - size, ' '), 0, slots * slotBytes - size, size);
    await file.sync();
    await syncDirectory(dataDir);
    return file;
  } catch (error) {
    await file.close();
    throw error;
  }
};

/** A file that was never whole has never held a note. */
const isWhole = (dataDir: string): Promise<boolean> =>
  stat(join(dataDir, notesFile)).then(
    ({ size }) => size >= slots * slotBytes,
    () => false,
  );

const newestOf = async (file: FileHandle): Promise<Slot> => {
  const { buffer } = await file.read(Buffer.alloc(slots * slotBytes), 0, slots * slotBytes, 0);
  const [first, second] = [parseSlot(buffer.subarray(0, slotBytes)), parseSlot(buffer.subarray(slotBytes))];
  return first.sequence > second.sequence ? first : second;
};

/** An open file, with what it holds. */
interface Opened {
  readonly file: FileHandle;
  slot: Slot;
}

/** The notes of a data directory that this process has the lock of; `close` when nobody notes any more. */
export const createRollbackNotes = (dataDir: string): RollbackNotes & { readonly close: () => Promise<void> } => {
  let opening: Promise<Opened> | null = null;
  const opened = (): Promise<Opened> => {
    opening ??= openWhole(dataDir)
      .then(async (file) => ({ file, slot: await newestOf(file) }))
      .catch((error: unknown) => {
        // A disk that is full may have room the next time.
        opening = null;
        throw error;
      });
    return opening;
  };
  const put = async (notes: readonly RollbackNote[]): Promise<void> => {
    const at = await opened();
    if (JSON.stringify(notes) === JSON.stringify(at.slot.notes)) return;
    const slot = { sequence: at.slot.sequence + 1, notes };
    await at.file.write(slotText(slot), 0, slotBytes, (slot.sequence % slots) * slotBytes);
    await at.file.datasync();
    at.slot = slot;
  };
  let last: Promise<void> = Promise.resolve();
  return {
    read: async () => {
      try {
        return (await opened()).slot.notes;
      } catch (error) {
        if (await isWhole(dataDir)) throw error;
        return [];
      }
    },
    write: (notes) => {
      last = last.catch(() => undefined).then(() => put(notes));
      return last;
    },
    close: async () => {
      await last.catch(() => undefined);
      const at = await (opening ?? Promise.resolve(null)).catch(() => null);
      opening = null;
      await at?.file.close();
    },
  };
};
