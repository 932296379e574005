import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startMark } from './process-identity.js';
import { errorCode } from '../../errors/error-code.js';

interface Owner {
  pid: number;
  /** Value of `startMark` for that process. */
  started: string;
}

/**
 * Makes this process the owner of a data directory and returns the function that gives the directory up. Only a living
 * process counts as owner: the directory of a killed process is taken over. Throws an error for the operator if the owner is
 * alive.
 */
export function takeDirectory(directory: string): () => void {
  const file = join(directory, 'owner.json');
  const mine = JSON.stringify({ pid: process.pid, started: startMark(process.pid) ?? '' } satisfies Owner);
  for (;;) {
    try {
      writeFileSync(file, mine, { flag: 'wx', mode: 0o600 });
      return () => rmSync(file, { force: true });
    } catch (error) {
      if (errorCode(error) !== 'EEXIST') throw error;
    }
    refuseLivingOwner(directory, read(file));
    removeDead(directory, file);
  }
}

/**
 * Removes the owner file of a dead process. If another process has replaced the file in the meantime, that process is the
 * owner.
 */
function removeDead(directory: string, file: string): void {
  const aside = `${file}.${process.pid}`;
  try {
    renameSync(file, aside);
  } catch {
    return;
  }
  const owner = read(aside);
  if (isLiving(owner)) renameSync(aside, file);
  else rmSync(aside, { force: true });
  refuseLivingOwner(directory, owner);
}

function refuseLivingOwner(directory: string, owner: Owner | undefined): void {
  if (!isLiving(owner)) return;
  throw new Error(
    `Process ${owner.pid} already uses ${directory}: stop it first, or start this process with another DATA_DIR ` +
      '(or with DATABASE_URL, to share a database).',
  );
}

function isLiving(owner: Owner | undefined): owner is Owner {
  return owner !== undefined && startMark(owner.pid) === owner.started;
}

/** Returns the recorded owner; undefined if the file is missing or incomplete after a crash. */
function read(file: string): Owner | undefined {
  try {
    const owner = JSON.parse(readFileSync(file, 'utf8')) as Partial<Owner>;
    if (typeof owner.pid !== 'number' || typeof owner.started !== 'string') return undefined;
    return { pid: owner.pid, started: owner.started };
  } catch {
    return undefined;
  }
}
