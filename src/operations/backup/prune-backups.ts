import { unneededBases } from '../core/backup/retention.js';
import { firstSegment, type BackupCatalog } from './backup-catalog.js';

const DAY_MS = 86_400_000;
/** Age of the newest object of an incomplete backup from which nobody can be writing it, ms. */
const ABANDONED_AFTER_MS = DAY_MS;

interface PruneOptions {
  /** Days back to which every moment must stay restorable; undefined: all complete backups stay. */
  readonly keepDays: number | undefined;
  readonly now: number;
}

/** Removes what no restore needs: abandoned backups, and those older than the time kept. Returns sentences of what was removed. */
export async function pruneBackups(catalog: BackupCatalog, { keepDays, now }: PruneOptions): Promise<string[]> {
  const said: string[] = [];
  const all = await catalog.bases();
  for (const { id, isComplete, objects } of all) {
    if (isComplete || objects.some(({ modified }) => modified > now - ABANDONED_AFTER_MS)) continue;
    for (const { name } of objects) await catalog.store.remove(name);
    said.push(`removed the incomplete backup ${id}`);
  }
  if (keepDays === undefined) return said;

  const manifests = await catalog.manifests();
  const aged = manifests.map((manifest) => ({ id: manifest.id, finished: Date.parse(manifest.finished), manifest }));
  const unneeded = new Set(unneededBases(aged, now - keepDays * DAY_MS).map(({ id }) => id));
  for (const id of unneeded) {
    // Without its manifest a backup is incomplete, so one that is half removed is never restored.
    await catalog.store.remove(catalog.manifestName(id));
    for (const { name } of all.find((base) => base.id === id)?.objects ?? []) await catalog.store.remove(name);
    said.push(`removed the backup ${id}`);
  }
  const kept = manifests.filter(({ id }) => !unneeded.has(id));
  const [first] = kept.map((manifest) => firstSegment(manifest).number).toSorted((a, b) => (a < b ? -1 : 1));
  const segmentBytes = kept[0]?.segmentBytes;
  if (first === undefined || segmentBytes === undefined) return said;
  const old = (await catalog.segments(segmentBytes)).filter(({ number }) => number < first);
  for (const { name } of old) await catalog.store.remove(name);
  if (old.length > 0) said.push(`removed ${old.length} segments of the log`);
  return said;
}
