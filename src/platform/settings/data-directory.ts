import { mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';

/**
 * The absolute path of a DATA_DIR, which is made where it is missing, closed to others. Throws one sentence that names the
 * setting when it cannot be made or written.
 */
export function dataDirectory(dataDir: string): string {
  const directory = resolve(dataDir);
  try {
    make(directory);
    // A file is the only proof: permissions say nothing of a read-only file system, or of /proc.
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

/** Makes it level by level: Node's own `recursive` never ends where a level cannot be made although its parent is there, as in /proc. */
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
