import { formatPosition } from '../core/backup/wal.js';
import { planWal } from '../core/backup/restore-plan.js';
import type { BackupCatalog } from './backup-catalog.js';
import { readCatalog } from './restore-backup.js';

/** Backups of one system. */
interface BackupList {
  readonly system: string;
  readonly backups: readonly {
    readonly id: string;
    readonly finished: string;
    readonly timeline: number;
    readonly position: string;
    /** Size of the files, and size as stored. */
    readonly bytes: number;
    readonly storedBytes: number;
  }[];
  readonly incomplete: readonly string[];
  readonly log: {
    readonly segments: number;
    readonly storedBytes: number;
    readonly missing: readonly string[];
    /** Time of the last write of the log, ISO 8601; null: none is archived. */
    readonly until: string | null;
  };
}

export async function listBackups(catalog: BackupCatalog): Promise<BackupList> {
  const all = await catalog.bases();
  const { manifests, bases, archive } = await readCatalog(catalog);
  const missing = bases.flatMap((base) => planWal(base, base.timeline, archive).missing);
  const times = archive.segments.map(({ modified }) => modified);
  return {
    system: catalog.system,
    backups: bases.flatMap(({ id, stop }) => {
      const manifest = manifests.get(id);
      if (manifest === undefined) return [];
      const { finished, timeline, bytes, parts } = manifest;
      return [{ id, finished, timeline, position: formatPosition(stop), bytes, storedBytes: sum(parts) }];
    }),
    incomplete: all.filter(({ isComplete }) => !isComplete).map(({ id }) => id),
    log: {
      segments: archive.segments.length,
      storedBytes: sum(archive.segments),
      missing: [...new Set(missing)],
      until: times.length === 0 ? null : new Date(Math.max(...times)).toISOString(),
    },
  };
}

/** Returns the list as text for people. */
export function listText({ system, backups, incomplete, log }: BackupList): string {
  const rows = backups.map(
    ({ id, finished, bytes, storedBytes, timeline }) =>
      `  ${id}  finished ${finished}  ${megabytes(bytes)} MB, stored ${megabytes(storedBytes)} MB  timeline ${timeline}`,
  );
  return [
    `system ${system}`,
    ...(rows.length === 0 ? ['  no complete base backup'] : rows),
    ...incomplete.map((id) => `  ${id}  incomplete`),
    `  log: ${log.segments} segments, stored ${megabytes(log.storedBytes)} MB, until ${log.until ?? 'never'}`,
    ...log.missing.map((name) => `  log: segment ${name} is missing`),
  ].join('\n');
}

function sum(objects: readonly { readonly bytes: number }[]): number {
  return objects.reduce((total, { bytes }) => total + bytes, 0);
}

function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(1);
}
