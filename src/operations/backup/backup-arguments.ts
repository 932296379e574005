import { parseArgs } from 'node:util';
import { parseTime } from '../../platform/input/time.js';
import { unknownArgument } from '../../platform/process/command-line.js';

/** Actions of the command, each with the options that it knows. */
const ACTIONS = {
  base: ['to'],
  wal: ['to', 'once', 'skip-gap'],
  verify: ['to', 'system'],
  restore: ['to', 'system', 'into', 'at', 'timeline', 'until-gap'],
  list: ['to', 'system', 'json'],
  prune: ['to', 'system'],
} as const satisfies Record<string, readonly string[]>;
export type BackupAction = keyof typeof ACTIONS;

const OPTIONS = {
  to: { type: 'string' },
  into: { type: 'string' },
  at: { type: 'string' },
  system: { type: 'string' },
  timeline: { type: 'string' },
  once: { type: 'boolean' },
  'skip-gap': { type: 'boolean' },
  'until-gap': { type: 'boolean' },
  json: { type: 'boolean' },
} as const;

const BACKUP_HELP = `Usage: defi-realtime backup <action> [--to <place>] [options]      (in a clone: npm run backup -- …)

Copies PostgreSQL while it runs: the embedded database of a running server, or the one of DATABASE_URL, whose role needs the
attribute REPLICATION. The place is a directory or s3://bucket/prefix (default BACKUP_TO). All is compressed and encrypted with
BACKUP_KEY: without that key nothing can be restored, so keep it elsewhere.

  base                    copies the whole database; removes what BACKUP_KEEP_DAYS no longer needs
  wal                     archives every change since, continuously; a loss costs at most 60 s; a signal ends it
    --once                ends after the changes up to now
    --skip-gap            goes on although the server no longer has what the archive needs next; run base at once afterwards
  list [--json]           lists backups, and how far the archive reaches
  verify                  reads everything that a restore would; exit code 1 if anything is missing or damaged
  restore                 restores into an empty directory
    --into <directory>    default DATA_DIR
    --at <time>           state at that time: 2026-11-01T10:00:00Z, now-30m; default: the newest
    --timeline <number>   history before an earlier restore; default: the newest
    --until-gap           restores up to a missing segment of the log
  prune                   removes incomplete backups older than a day, and what BACKUP_KEEP_DAYS no longer needs

list, verify, restore and prune need --system <identifier> if the place has backups of several databases.
Exit code 0: done; 1: failed; 2: invalid arguments.`;

/** Arguments of one call. */
export interface BackupArguments {
  readonly action: BackupAction;
  readonly to: string | undefined;
  readonly into: string | undefined;
  readonly at: number | undefined;
  readonly system: string | undefined;
  readonly timeline: number | undefined;
  readonly once: boolean;
  readonly skipGap: boolean;
  readonly untilGap: boolean;
  readonly json: boolean;
}

/** Parses the arguments; for help and invalid ones, returns the text to print and the exit code. */
export function readBackupArguments(
  args: readonly string[],
  now: number,
): BackupArguments | { text: string; code: 0 | 2 } {
  if (args.includes('--help') || args.includes('-h')) return { text: BACKUP_HELP, code: 0 };
  const [name = '', ...rest] = args;
  if (!Object.hasOwn(ACTIONS, name)) {
    return { text: `unknown action ${name}; allowed: ${Object.keys(ACTIONS).join(', ')}; see --help`, code: 2 };
  }
  const action = name as BackupAction;
  const known: readonly string[] = ACTIONS[action];
  const unknown = rest.find(
    (word) => word.startsWith('-') && !known.includes(word.replace(/^--/, '').split('=')[0] ?? ''),
  );
  if (unknown !== undefined) return { text: unknownArgument(unknown), code: 2 };
  try {
    const { values } = parseArgs({ args: rest, options: OPTIONS });
    const at = values.at === undefined ? undefined : parseTime(values.at, now);
    if (values.at !== undefined && at === undefined) return { text: '--at must be a time; see --help', code: 2 };
    if (at !== undefined && at > now) return { text: '--at must not be in the future', code: 2 };
    const timeline = values.timeline === undefined ? undefined : Number(values.timeline);
    if (timeline !== undefined && !(Number.isInteger(timeline) && timeline > 0 && timeline < 2 ** 32))
      return { text: '--timeline must be a whole number of at least 1', code: 2 };
    return {
      action,
      to: values.to,
      into: values.into,
      at,
      system: values.system,
      timeline,
      once: values.once ?? false,
      skipGap: values['skip-gap'] ?? false,
      untilGap: values['until-gap'] ?? false,
      json: values.json ?? false,
    };
  } catch (error) {
    return { text: error instanceof Error ? error.message : String(error), code: 2 };
  }
}
