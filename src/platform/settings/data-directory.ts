import { mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';

/**
 * Returns the absolute path of a DATA_DIR, which is created if missing, closed to others. Throws one sentence that names the
 * setting when it cannot be created or written.
 */
export function dataDirectory(dataDir: string): string {
  const directory = resolve(dataDir);
  try {
    make(directory);
    // Writing a file is the only proof: permissions do not reveal a read-only file system, or /proc.
    const trial = join(directory, `.trial-${process.pid}`);
    writeFileSync(trial, '', { mode: 0o600 });
    rmSync(trial);
  } catch (cause) {
    const reason = cause instanceof Error && 'code' in cause ? String(cause.code) : String(cause);
    throw new Error(
      `DATA_DIR=${dataDir} must be a directory that can be made and written, and this one cannot (${reason}).`,
      { cause },
    );
  }
  return directory;
}

/**
 * Creates the directory level by level: Node's own `recursive` never ends where a level cannot be made although its parent
 * exists, as in /proc.
 */
function make(directory: string): void {
  if (isDirectory(directory)) return;
  if (dirname(directory) !== directory) make(dirname(directory));
  try {
    mkdirSync(directory, { mode: 0o700 });
  } catch (error) {
    // Another process may have been quicker.
    if (!isDirectory(directory)) throw error;
  }
}

function isDirectory(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}
