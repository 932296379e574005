import { mkdir, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { recoverEmbedded } from '../../platform/database/embedded/recover-cluster.js';
import { historyName, parseHistory, parsePosition, segmentName, type TimelineEnd } from '../core/backup/wal.js';
import { basesOf, newestTimeline, planWal, type Archive, type PlannedBase } from '../core/backup/restore-plan.js';
import type { ArchivedSegment, BackupCatalog, BackupManifest, BackupPart } from './backup-catalog.js';
import { claimDirectory, ClusterFiles, releaseDirectory, setRecovery } from './cluster-files.js';

/** Parts that are fetched ahead of the one that is written. */
const AHEAD = 3;
/** Command that finds no file: all files of the log are in pg_wal already. */
const NO_MORE_FILES = 'false';

interface RestoreOptions {
  readonly into: string;
  /** Time to restore, Unix ms; undefined: the newest. */
  readonly at: number | undefined;
  /** Timeline to restore; undefined: the newest. */
  readonly timeline: number | undefined;
  /** Whether to restore up to a missing segment of the log. */
  readonly untilGap: boolean;
  say(line: string): void;
}

/** Everything that the store has of a system, as far as plans need it. */
export interface ReadCatalog {
  readonly manifests: ReadonlyMap<string, BackupManifest>;
  readonly bases: readonly PlannedBase[];
  readonly archive: Archive<ArchivedSegment>;
}

export async function readCatalog(catalog: BackupCatalog): Promise<ReadCatalog> {
  const manifests = await catalog.manifests();
  const segmentBytes = manifests[0]?.segmentBytes ?? 16 * 2 ** 20;
  const histories = new Map<number, readonly TimelineEnd[]>();
  for (const { name } of await catalog.store.list(`${catalog.system}/wal/`)) {
    const [, timeline] = /\/([0-9A-F]{8})\.history$/.exec(name) ?? [];
    if (timeline === undefined) continue;
    histories.set(Number.parseInt(timeline, 16), parseHistory((await catalog.read(name)).toString('latin1')));
  }
  return {
    manifests: new Map(manifests.map((manifest) => [manifest.id, manifest])),
    bases: manifests.map((manifest) => ({
      id: manifest.id,
      timeline: manifest.timeline,
      start: parsePosition(manifest.start),
      stop: parsePosition(manifest.stop),
      finished: Date.parse(manifest.finished),
    })),
    archive: { segmentBytes, segments: await catalog.segments(segmentBytes), histories },
  };
}

/** Restores into an empty directory. Throws an error for the operator; what is in the store stays as it is. */
export async function restoreBackup(catalog: BackupCatalog, options: RestoreOptions): Promise<void> {
  const read = await readCatalog(catalog);
  const timeline = options.timeline ?? newestTimeline(read.archive, read.bases);
  const { base, manifest } = chooseBase(read, timeline, options);
  const { files, missing } = planWal(base, timeline, read.archive);
  if (missing.length > 0 && !options.untilGap) {
    throw new Error(
      `segment ${missing[0]} of the log is missing: what was written after it cannot be restored; --until-gap restores up to it`,
    );
  }
  refuseLaterThanArchive(options.at, files, base);
  const into = resolve(options.into);
  await claimDirectory(into);
  const isEmbedded = manifest.besides !== undefined;
  const cluster = new ClusterFiles(isEmbedded ? join(into, 'postgres') : into);
  await mkdir(cluster.directory, { recursive: true, mode: 0o700 });
  options.say(
    `restoring the backup ${manifest.id} (${megabytes(manifest.bytes)} MB) and ${files.length} segments of the log`,
  );
  await writeBase(catalog, manifest, cluster, options);
  for (const ends of chain(timeline, read.archive)) {
    const name = historyName(ends);
    await cluster.addWal(name, await catalog.read(catalog.walName(name)));
  }
  await ahead(
    files,
    (file) => catalog.read(file.name),
    (content, file) => cluster.addWal(segmentName(file, manifest.segmentBytes), content, manifest.segmentBytes),
  );
  await cluster.complete(recoverySettings(timeline, options.at));
  for (const [name, content] of Object.entries(manifest.besides ?? {})) {
    await writeFile(join(into, name), content, { mode: 0o600 });
  }
  if (isEmbedded) await recover(into, cluster.directory, options);
  await releaseDirectory(into);
  if (!isEmbedded)
    options.say(
      `start a PostgreSQL ${manifest.serverVersion} server on ${into}: it replays the log and then accepts writes`,
    );
}

function chooseBase(
  { bases, manifests, archive }: ReadCatalog,
  timeline: number,
  { at }: RestoreOptions,
): { base: PlannedBase; manifest: BackupManifest } {
  const usable = basesOf(timeline, bases, archive);
  const base = usable.findLast(({ finished }) => at === undefined || finished <= at);
  const manifest = base && manifests.get(base.id);
  if (base !== undefined && manifest !== undefined) return { base, manifest };
  const [oldest] = usable;
  if (oldest === undefined) throw new Error(`no complete base backup of timeline ${timeline}; run backup base`);
  throw new Error(`--at must be ${new Date(oldest.finished).toISOString()} or later: the oldest backup ended then`);
}

/** Refuses a time of which the archive may lack changes. */
function refuseLaterThanArchive(at: number | undefined, files: readonly ArchivedSegment[], base: PlannedBase): void {
  const end = Math.max(base.finished, ...files.map(({ modified }) => modified));
  if (at !== undefined && at > end)
    throw new Error(`--at must be ${new Date(end).toISOString()} or earlier: nothing was archived after that`);
}

async function writeBase(
  catalog: BackupCatalog,
  manifest: BackupManifest,
  cluster: ClusterFiles,
  { say }: RestoreOptions,
): Promise<void> {
  const { parts } = manifest;
  let tenth = 1;
  await ahead(
    parts,
    (part: BackupPart) => catalog.read(part.name, part),
    async (content, _part, at) => {
      await cluster.write(content);
      if (parts.length < 20 || (at + 1) * 10 < tenth * parts.length) return;
      say(`${tenth++}0 % of the files`);
    },
  );
  await cluster.endArchive(await catalog.read(manifest.fileList.name, manifest.fileList));
}

/** Handles items in their order while the next ones are fetched. */
async function ahead<T>(
  items: readonly T[],
  fetch: (item: T) => Promise<Buffer>,
  handle: (content: Buffer, item: T, at: number) => Promise<void>,
): Promise<void> {
  const coming: Promise<Buffer>[] = [];
  for (const [at, item] of items.entries()) {
    while (coming.length < AHEAD && at + coming.length < items.length) {
      const next = items[at + coming.length];
      if (next === undefined) break;
      const fetched = fetch(next);
      fetched.catch(() => undefined);
      coming.push(fetched);
    }
    const content = await coming.shift();
    if (content !== undefined) await handle(content, item, at);
  }
}

function* chain(timeline: number, { histories }: Archive<ArchivedSegment>): Generator<number> {
  for (const end of [...(histories.get(timeline) ?? []).map((ends) => ends.timeline), timeline]) {
    if (histories.has(end)) yield end;
  }
}

/** Returns the settings of the recovery. The server reads them before it knows names of time zones, such as Z. */
function recoverySettings(timeline: number, at: number | undefined): Record<string, string> {
  return {
    restore_command: NO_MORE_FILES,
    recovery_target_timeline: String(timeline),
    recovery_target_action: 'promote',
    ...(at === undefined ? {} : { recovery_target_time: new Date(at).toISOString().replace('Z', '+00') }),
  };
}

/**
 * Lets the embedded server replay the log and stops it. If the log ends without a change after the wanted time, all of it
 * belongs to that time: it is replayed to its end.
 */
async function recover(home: string, directory: string, { at, say }: RestoreOptions): Promise<void> {
  const settings = join(directory, 'postgresql.auto.conf');
  say('replaying the log');
  try {
    await recoverEmbedded(home);
  } catch (error) {
    const isBeforeTarget =
      error instanceof Error && error.message.includes('recovery ended before configured recovery target');
    if (at === undefined || !isBeforeTarget) throw error;
    await setRecovery(settings, { restore_command: NO_MORE_FILES, recovery_target_timeline: 'latest' });
    await recoverEmbedded(home);
  }
  await setRecovery(settings, {});
}

function megabytes(bytes: number): number {
  return Math.round(bytes / 1e6);
}
