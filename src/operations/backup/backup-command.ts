import type { Database } from '../../platform/database/database.js';
import type { Settings } from '../../platform/settings/settings.js';
import { BackupCatalog, systemsIn } from './backup-catalog.js';
import { readBackupArguments, type BackupAction, type BackupArguments } from './backup-arguments.js';
import { recordBackup, type BackupSuccess } from './backup-state.js';
import type { BackupStore } from './backup-store.js';
import { makeBaseBackup } from './base-backup.js';
import { readBesides } from './data-directory-files.js';
import { listBackups, listText } from './list-backups.js';
import { openStore } from './open-store.js';
import { PatientStore } from './patient-store.js';
import { pruneBackups } from './prune-backups.js';
import { Replication } from './replication.js';
import { restoreBackup } from './restore-backup.js';
import { SealedObjects } from './sealed-objects.js';
import { identify } from './server-identity.js';
import { verifyBackups } from './verify-backups.js';
import { archiveWal } from './wal-archive.js';

/** Longest wait for a store that is unavailable, ms; the archive of the log waits without limit. */
const STORE_PATIENCE_MS = 15 * 60_000;
/** Shortest time between two records of the archived time, ms. */
const RECORD_INTERVAL_MS = 15_000;

/** Surroundings of the command. */
export interface BackupSurroundings {
  readonly settings: () => Settings;
  /** Returns the address of the database that is copied. */
  readonly databaseUrl: () => Promise<string>;
  /** Opens that database; the command closes it. */
  readonly open: (url: string) => Database;
  readonly now: () => number;
  /** Ends `wal`. */
  readonly stop: AbortSignal;
  /** Longest time that a change waits before `wal` stores it, ms; for tests. */
  readonly partialIntervalMs?: number;
  /** Longest wait for an unavailable store, ms; for tests. */
  readonly storePatienceMs?: number;
  out(text: string): void;
  err(text: string): void;
}

/** Parts that an action uses. */
interface Work {
  readonly asked: BackupArguments;
  readonly around: BackupSurroundings;
  readonly settings: Settings;
  readonly store: BackupStore;
  readonly sealed: SealedObjects;
}

/** Runs `defi-realtime backup …` and returns the exit code. */
export async function runBackupCommand(args: readonly string[], around: BackupSurroundings): Promise<number> {
  const asked = readBackupArguments(args, around.now());
  if ('text' in asked) {
    (asked.code === 0 ? around.out : around.err)(asked.text);
    return asked.code;
  }
  try {
    return await RUN[asked.action](prepare(asked, around));
  } catch (error) {
    around.err(sentence(error));
    return 1;
  }
}

const RUN: Readonly<Record<BackupAction, (work: Work) => Promise<number>>> = {
  base,
  wal,
  verify,
  restore,
  list,
  prune,
};

function prepare(asked: BackupArguments, around: BackupSurroundings): Work {
  const settings = around.settings();
  const place = asked.to ?? settings.backupTo;
  if (place === undefined) throw new Error('--to or BACKUP_TO must name the place of the backups');
  if (settings.backupKey === undefined) {
    throw new Error('BACKUP_KEY must be set: it encrypts the backups; `openssl rand -base64 32` generates a key.');
  }
  const isPatient = asked.action === 'wal' && !asked.once;
  const store = new PatientStore(openStore(place, settings), {
    limitMs: isPatient ? Infinity : (around.storePatienceMs ?? STORE_PATIENCE_MS),
    everyFailure: isPatient,
    ...(isPatient ? { stop: around.stop } : {}),
    say: around.err,
  });
  return { asked, around, settings, store, sealed: new SealedObjects(settings.backupKey) };
}

async function base({ around, settings, store, sealed }: Work): Promise<number> {
  const url = await around.databaseUrl();
  const replication = await Replication.connect(url);
  try {
    const { system } = await identify(replication);
    const catalog = new BackupCatalog(store, sealed, system);
    const began = around.now();
    let tenth = 1;
    const manifest = await makeBaseBackup(catalog, replication, {
      url,
      now: around.now,
      ...(settings.embedded ? { besides: await readBesides(settings.dataDir) } : {}),
      progress: (done, total) => {
        if (tenth < 10 && done * 10 >= tenth * total)
          around.out(`${Math.min(9, Math.floor((done * 10) / total))}0 % copied`);
        while (tenth < 10 && done * 10 >= tenth * total) tenth++;
      },
    });
    const seconds = Math.max(0.001, (around.now() - began) / 1_000);
    const megabytes = manifest.bytes / 1e6;
    around.out(
      `backup ${manifest.id} complete: ${megabytes.toFixed(0)} MB in ${seconds.toFixed(1)} s (${(megabytes / seconds).toFixed(0)} MB/s)`,
    );
    await record(around, url, { kind: 'base', reached: Date.parse(manifest.finished), bytes: manifest.bytes });
    const removed = await pruneBackups(catalog, { keepDays: settings.backupKeepDays, now: around.now() });
    for (const line of removed) around.out(line);
    return 0;
  } finally {
    replication.destroy();
  }
}

async function wal({ asked, around, store, sealed }: Work): Promise<number> {
  const url = await around.databaseUrl();
  let recorded = -Infinity;
  let recording = Promise.resolve();
  await archiveWal({
    url,
    store,
    sealed,
    once: asked.once,
    skipGap: asked.skipGap,
    stop: around.stop,
    ...(around.partialIntervalMs === undefined ? {} : { partialIntervalMs: around.partialIntervalMs }),
    say: around.out,
    warn: around.err,
    covered: (at) => {
      if (at - recorded < RECORD_INTERVAL_MS) return;
      recorded = at;
      recording = recording.then(() => record(around, url, { kind: 'wal', reached: at, bytes: 0 }));
    },
  });
  await recording;
  return 0;
}

async function verify(work: Work): Promise<number> {
  const catalog = await openCatalog(work);
  const faults = await verifyBackups(catalog, { say: work.around.out });
  for (const fault of faults) work.around.err(fault);
  work.around.out(faults.length === 0 ? 'all backups can be restored' : `${faults.length} faults`);
  return faults.length === 0 ? 0 : 1;
}

async function restore(work: Work): Promise<number> {
  const { asked, around, settings } = work;
  const into = asked.into ?? settings.dataDir;
  const began = around.now();
  const { at, timeline, untilGap } = asked;
  await restoreBackup(await openCatalog(work), { into, at, timeline, untilGap, say: around.out });
  around.out(`restored into ${into} in ${((around.now() - began) / 1_000).toFixed(1)} s`);
  return 0;
}

async function list(work: Work): Promise<number> {
  const found = await listBackups(await openCatalog(work));
  work.around.out(work.asked.json ? JSON.stringify(found, undefined, 2) : listText(found));
  return 0;
}

async function prune(work: Work): Promise<number> {
  const { around, settings } = work;
  const removed = await pruneBackups(await openCatalog(work), { keepDays: settings.backupKeepDays, now: around.now() });
  around.out(removed.length === 0 ? 'nothing to remove' : removed.join('\n'));
  return 0;
}

/** Opens the backups of the one system in the store, or of the one asked for. */
async function openCatalog({ asked, store, sealed }: Work): Promise<BackupCatalog> {
  const systems = await systemsIn(store);
  const wanted = asked.system ?? (systems.length > 1 ? undefined : systems[0]);
  if (systems.length === 0) throw new Error(`there are no backups in ${store.description}`);
  if (wanted === undefined || !systems.includes(wanted))
    throw new Error(`--system must be one of the databases in ${store.description}: ${systems.join(', ')}`);
  return new BackupCatalog(store, sealed, wanted);
}

/** Records a success for the metrics. A database that cannot store it does not make the backup fail. */
async function record({ open, err }: BackupSurroundings, url: string, success: BackupSuccess): Promise<void> {
  const database = open(url);
  try {
    await recordBackup(database, success);
  } catch (error) {
    err(`the success could not be recorded for the metrics: ${sentence(error)}`);
  } finally {
    await database.onApplicationShutdown().catch(() => undefined);
  }
}

/** Returns the message of an error for operators. */
function sentence(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = 'code' in error ? error.code : undefined;
  if (code === '42501' && /WAL sender|replication/i.test(error.message))
    return 'the role of DATABASE_URL must have the attribute REPLICATION: ALTER ROLE … REPLICATION';
  return error.message || (typeof code === 'string' ? code : error.name);
}
