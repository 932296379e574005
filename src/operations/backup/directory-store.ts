import { mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { errorCode } from '../../platform/errors/error-code.js';
import type { BackupStore, StoredObject } from './backup-store.js';

/** First character of files that are being written; no object begins with it. */
const UNFINISHED = '.';

const REASONS: Readonly<Record<string, string>> = {
  ENOSPC: 'no space is left on its disk',
  EDQUOT: 'its quota is used up',
  EROFS: 'its file system is read-only',
  EACCES: 'this user may not write there',
  ENOTDIR: 'a file is where a directory should be',
};

/** Backups in a directory, readable by this user only. */
export class DirectoryStore implements BackupStore {
  constructor(private readonly root: string) {}

  get description(): string {
    return this.root;
  }

  async put(name: string, content: Buffer): Promise<void> {
    const file = join(this.root, name);
    const folder = dirname(file);
    const unfinished = join(folder, `${UNFINISHED}${process.pid}-${file.slice(folder.length + 1)}`);
    try {
      await mkdir(folder, { recursive: true, mode: 0o700 });
      await writeDurably(unfinished, content);
      await rename(unfinished, file);
      await syncDirectory(folder);
    } catch (cause) {
      await rm(unfinished, { force: true }).catch(() => undefined);
      throw this.failure('write', cause);
    }
  }

  async get(name: string): Promise<Buffer | undefined> {
    try {
      return await readFile(join(this.root, name));
    } catch (cause) {
      if (errorCode(cause) === 'ENOENT') return undefined;
      throw this.failure('read', cause);
    }
  }

  async list(prefix: string): Promise<StoredObject[]> {
    const folder = prefix.slice(0, prefix.lastIndexOf('/') + 1);
    const found: StoredObject[] = [];
    for (const name of await this.files(folder)) {
      if (!name.startsWith(prefix)) continue;
      const state = await stat(join(this.root, name)).catch(() => undefined);
      if (state !== undefined) found.push({ name, bytes: state.size, modified: state.mtimeMs });
    }
    return found.sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  async remove(name: string): Promise<void> {
    try {
      await rm(join(this.root, name), { force: true });
    } catch (cause) {
      throw this.failure('remove', cause);
    }
  }

  private async files(folder: string): Promise<string[]> {
    try {
      const entries = await readdir(join(this.root, folder), { withFileTypes: true });
      const nested = await Promise.all(
        entries
          .filter((entry) => !entry.name.startsWith(UNFINISHED))
          .map((entry) => {
            const name = `${folder}${entry.name}`;
            return entry.isDirectory() ? this.files(`${name}/`) : Promise.resolve([name]);
          }),
      );
      return nested.flat();
    } catch (cause) {
      if (errorCode(cause) === 'ENOENT') return [];
      throw this.failure('list', cause);
    }
  }

  private failure(action: string, cause: unknown): Error {
    const code = errorCode(cause) || String(cause);
    return new Error(`cannot ${action} in ${this.root}: ${REASONS[code] ?? code}`, { cause });
  }
}

async function writeDurably(file: string, content: Buffer): Promise<void> {
  const handle = await open(file, 'w', 0o600);
  try {
    await handle.writeFile(content);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Makes a rename in the directory survive a loss of power. */
async function syncDirectory(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
