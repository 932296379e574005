import { mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { errorCode } from '../errors/error-code.js';

/**
 * Returns the absolute path of DATA_DIR, which is created if missing, without access for other users. Throws an error that
 * names the setting if the directory cannot be created or written.
 */
export function dataDirectory(dataDir: string): string {
  const directory = resolve(dataDir);
  try {
    make(directory);
    // Only writing a file is proof: permissions reveal neither a read-only file system nor /proc.
    const trial = join(directory, `.trial-${process.pid}`);
    writeFileSync(trial, '', { mode: 0o600 });
    rmSync(trial);
  } catch (cause) {
    const reason = errorCode(cause) || String(cause);
    throw new Error(`DATA_DIR=${dataDir} must be a directory that this process can create and write (${reason}).`, {
      cause,
    });
  }
  return directory;
}

/**
 * Creates the directory level by level: Node's `recursive` option loops for ever if a directory cannot be created although
 * its parent exists, as in /proc.
 */
function make(directory: string): void {
  if (isDirectory(directory)) return;
  if (dirname(directory) !== directory) make(dirname(directory));
  try {
    mkdirSync(directory, { mode: 0o700 });
  } catch (error) {
    // Another process may have created the directory in the meantime.
    if (!isDirectory(directory)) throw error;
  }
}

function isDirectory(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}
