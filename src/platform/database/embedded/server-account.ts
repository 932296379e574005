import { execFileSync, type SpawnOptions } from 'node:child_process';
import { chownSync } from 'node:fs';

/**
 * Account of the server programs. PostgreSQL refuses to run as root, so root needs another account; any other user runs them
 * directly.
 */
export interface ServerAccount {
  /** Words in front of the program. */
  readonly prefix: readonly string[];
  /** Account to switch to; undefined: none. */
  readonly user?: { readonly uid: number; readonly gid: number };
}

/** Command for a namespace in which root's files belong to user 1000, as whom the server runs: no file changes its owner. */
const USER_NAMESPACE = ['unshare', '--user', '--map-user=1000', '--map-group=1000'];
/** Account `nobody` on every common Linux. */
const NOBODY = { uid: 65_534, gid: 65_534 };

/** Returns the account under which `program` works with files in `directory`; throws one sentence if there is none. */
export function chooseAccount(program: string, directory: string): ServerAccount {
  if (process.getuid?.() !== 0) return { prefix: [] };
  const candidates: ServerAccount[] = [{ prefix: USER_NAMESPACE }, { prefix: [], user: NOBODY }];
  const account = candidates.find((candidate) => works(candidate, program, directory));
  if (account) return account;
  throw new Error(
    'PostgreSQL refuses to run as root, user namespaces are not available, and the user nobody cannot enter ' +
      `${directory}: start as another user, or move DATA_DIR to a directory that everyone may enter.`,
  );
}

function works(account: ServerAccount, program: string, directory: string): boolean {
  try {
    // Changed by the account itself: a working directory of the spawn would be entered before the account changes.
    const [command, args] = commandLine(account, 'sh', ['-c', 'cd "$0" && exec "$1" --version', directory, program]);
    execFileSync(command, args, { stdio: 'ignore', timeout: 10_000, ...identity(account) });
    return true;
  } catch {
    return false;
  }
}

export function commandLine(account: ServerAccount, program: string, args: readonly string[]): [string, string[]] {
  const [command = program, ...rest] = [...account.prefix, program, ...args];
  return [command, rest];
}

/** Returns the spawn options that make a child run as the account. */
export function identity(account: ServerAccount): Pick<SpawnOptions, 'uid' | 'gid'> {
  return account.user ?? {};
}

/** Makes the account the owner of a file or directory. */
export function handOver(account: ServerAccount, path: string): void {
  if (account.user) chownSync(path, account.user.uid, account.user.gid);
}
