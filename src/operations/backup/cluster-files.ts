import { appendFile, mkdir, open, readdir, readFile, rm, symlink, writeFile, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { errorCode } from '../../platform/errors/error-code.js';
import { TarReader, type TarEntry } from '../core/backup/tar-reader.js';

/** Marks a directory whose restore did not end; such a directory may be emptied. */
const MARK = '.restore-unfinished';
/** Without this file no server starts on the directory; it is written last. */
const VERSION = 'PG_VERSION';
const OWN_SETTINGS = /^\s*(?:restore_command|recovery_target\w*)\s*=/;

/** Takes an empty directory for a restore, or one whose restore did not end. */
export async function claimDirectory(directory: string): Promise<void> {
  const found = await readdir(directory).catch((error: unknown): string[] => {
    if (errorCode(error) === 'ENOENT') return [];
    throw new Error(`${directory} must be a directory that can be read (${errorCode(error)})`, { cause: error });
  });
  if (found.length > 0 && !found.includes(MARK))
    throw new Error(`${directory} must be empty; nothing was changed in it`);
  for (const name of found.filter((name) => name !== MARK)) await rm(join(directory, name), { recursive: true });
  await mkdir(directory, { recursive: true, mode: 0o700 });
  await writeFile(join(directory, MARK), '');
}

/** Ends what `claimDirectory` began. */
export async function releaseDirectory(directory: string): Promise<void> {
  await rm(join(directory, MARK), { force: true });
}

/** Data directory of a server that is being written. */
export class ClusterFiles {
  private current: FileHandle | undefined;
  private readonly reader: TarReader;
  private version: Buffer[] = [];
  private isVersion = false;

  constructor(readonly directory: string) {
    this.reader = new TarReader({ entry: (entry) => this.entry(entry), content: (chunk) => this.content(chunk) });
  }

  /** Writes the next bytes of the archive of a base backup. */
  async write(chunk: Buffer): Promise<void> {
    await this.reader.write(chunk);
  }

  /** Ends the archive and adds the server's own list of its files. */
  async endArchive(fileList: Buffer): Promise<void> {
    await this.closeFile();
    this.reader.end();
    if (this.version.length === 0) throw new Error('the backup has no file PG_VERSION');
    await writeFile(join(this.directory, 'backup_manifest'), fileList, { mode: 0o600 });
  }

  /** Adds a file of the write-ahead log; the beginning of a segment is filled up with zeros, as the server does. */
  async addWal(file: string, content: Buffer, segmentBytes = content.length): Promise<void> {
    const handle = await open(join(this.directory, 'pg_wal', file), 'w', 0o600);
    try {
      await handle.writeFile(content);
      await handle.truncate(segmentBytes);
    } finally {
      await handle.close();
    }
  }

  /** Makes the server replay the log at its next start, and lets it start. */
  async complete(recovery: Readonly<Record<string, string>>): Promise<void> {
    const settings = join(this.directory, 'postgresql.auto.conf');
    await setRecovery(settings, recovery);
    await writeFile(join(this.directory, 'recovery.signal'), '', { mode: 0o600 });
    await writeFile(join(this.directory, VERSION), Buffer.concat(this.version), { mode: 0o600 });
  }

  private async entry(entry: TarEntry): Promise<void> {
    await this.closeFile();
    const path = join(this.directory, entry.path);
    this.isVersion = entry.path === VERSION;
    if (entry.kind === 'directory') await mkdir(path, { recursive: true, mode: 0o700 });
    else if (entry.kind === 'link') await symlink(entry.target, path);
    else if (!this.isVersion) this.current = await open(path, 'w', entry.mode);
  }

  private async content(chunk: Buffer): Promise<void> {
    if (this.isVersion) this.version.push(Buffer.from(chunk));
    else await this.current?.writeFile(chunk);
  }

  private async closeFile(): Promise<void> {
    await this.current?.close();
    this.current = undefined;
  }
}

/** Replaces the settings of a recovery in a file; without any, it removes those of an earlier one. */
export async function setRecovery(file: string, recovery: Readonly<Record<string, string>>): Promise<void> {
  const before = await readFile(file, 'utf8').catch(() => '');
  const kept = before.split('\n').filter((line) => !OWN_SETTINGS.test(line));
  await writeFile(file, kept.join('\n'), { mode: 0o600 });
  const lines = Object.entries(recovery).map(([name, value]) => `${name} = '${value}'\n`);
  await appendFile(file, lines.join(''));
}
