import { execFileSync, type SpawnOptions } from 'node:child_process';
import { chownSync } from 'node:fs';

/**
 * Account that runs the server programs. PostgreSQL refuses to run as root: if this process runs as root, another account is
 * needed; any other user runs the programs directly.
 */
export interface ServerAccount {
  /** Words of the command line in front of the program. */
  readonly prefix: readonly string[];
  /** Account to switch to; undefined: no switch. */
  readonly user?: { readonly uid: number; readonly gid: number };
}

/**
 * Command that starts the server in a user namespace, in which root's files belong to user 1000 and the server runs as that
 * user. No file needs another owner.
 */
const USER_NAMESPACE = ['unshare', '--user', '--map-user=1000', '--map-group=1000'];
/** Account `nobody` on every common Linux. */
const NOBODY = { uid: 65_534, gid: 65_534 };

/** Returns the account under which `program` can work in `directory`. Throws an error for the operator if there is none. */
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
    // The shell changes the directory as the new account: the `cwd` option of the spawn would be entered before the account
    // changes.
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
