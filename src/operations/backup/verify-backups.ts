import { TarReader } from '../core/backup/tar-reader.js';
import { basesOf, newestTimeline, planWal } from '../core/backup/restore-plan.js';
import type { BackupCatalog, BackupManifest } from './backup-catalog.js';
import { readCatalog } from './restore-backup.js';
import { DamagedObject } from './sealed-objects.js';

/** Objects that are read at once. */
const AT_ONCE = 3;

interface VerifyOptions {
  say(line: string): void;
}

/**
 * Reads everything that a restore of any moment would read. Returns the faults, one sentence each; empty: all backups can be
 * restored.
 */
export async function verifyBackups(catalog: BackupCatalog, { say }: VerifyOptions): Promise<string[]> {
  const faults: string[] = [];
  const note = async (work: () => Promise<unknown>): Promise<void> => {
    try {
      await work();
    } catch (error) {
      if (!(error instanceof DamagedObject)) throw error;
      faults.push(error.message);
    }
  };
  const complete = (await catalog.bases()).filter(({ isComplete }) => isComplete);
  for (const { id } of complete) {
    await note(async () => {
      const manifest = await catalog.manifest(id);
      say(`reading the backup ${id}`);
      await readBase(catalog, manifest, note);
    });
  }
  if (complete.length === 0) faults.push('there is no complete base backup');
  if (faults.length > 0) return faults;

  const { archive, bases } = await readCatalog(catalog);
  const timeline = newestTimeline(archive, bases);
  const missing = basesOf(timeline, bases, archive).flatMap((base) => planWal(base, timeline, archive).missing);
  for (const name of new Set(missing)) faults.push(`segment ${name} of the log is missing`);
  say(`reading ${archive.segments.length} segments of the log`);
  const waiting = archive.segments.map(({ name }) => name);
  const reader = async (): Promise<void> => {
    for (let name = waiting.shift(); name !== undefined; name = waiting.shift()) {
      const wanted = name;
      await note(() => catalog.read(wanted));
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, reader));
  return faults;
}

/** Reads the parts in their order, as one archive; after a damaged part, the others are only read. */
async function readBase(
  catalog: BackupCatalog,
  { id, parts, fileList }: BackupManifest,
  note: (work: () => Promise<unknown>) => Promise<void>,
): Promise<void> {
  let archive: TarReader | undefined = new TarReader({
    entry: () => Promise.resolve(),
    content: () => Promise.resolve(),
  });
  for (const part of parts) {
    await note(async () => {
      const before = archive;
      archive = undefined;
      const content = await catalog.read(part.name, part);
      await before?.write(content);
      archive = before;
    });
  }
  await note(() => catalog.read(fileList.name, fileList));
  const whole = archive;
  if (whole === undefined) return;
  await note(async () => {
    try {
      whole.end();
    } catch (cause) {
      throw new DamagedObject(`the backup ${id} is damaged: ${String(cause)}`, { cause });
    }
  });
}
