import { parseArgs } from 'node:util';
import { isPlainText } from '../../platform/input/text.js';
import { readTime } from '../../platform/input/time.js';
import { unknownArgument } from '../../platform/process/command-line.js';
import { ROLES, SUBSCRIPTION_TYPES, TIERS, TRANSPORTS } from '../caller.js';
import type { NewKey } from '../keys/api-keys.js';

export const HELP = `Creates, lists, rotates and revokes API keys.

  defi-realtime apikey create --user alice [--role reader] [--tier free] [--expires 30d] [--name "…"]
                              [--types tvl_changes,alerts] [--transports socketio,sse]
  defi-realtime apikey list [--user alice] [--json]
  defi-realtime apikey rotate <id> [--overlap 1h]
  defi-realtime apikey revoke <id>

  --user        user who owns the key and everything created with it, up to 255 characters
  --role        ${ROLES.join(' | ')}; each includes those before it
  --tier        ${TIERS.join(' | ')}
  --expires     from now: 90s, 15m, 12h, 30d; or a time such as 2027-01-31T12:00:00Z; default: never
  --types       subscription types that the key may use; default: all of ${SUBSCRIPTION_TYPES.join(', ')}
  --transports  transports that the key may use; default: all of ${TRANSPORTS.join(', ')}
  --overlap     how long the old key stays valid after a rotation, up to 30d; default: not at all

Only the new key is written to standard output, so KEY=$(defi-realtime apikey create --user alice) works. It is shown once.
Works on DATABASE_URL, or on the embedded database while the server runs. In a clone: npm run apikey -- create …`;

export type Command =
  | { name: 'help' }
  | { name: 'create'; key: NewKey }
  | { name: 'list'; userId: string | undefined; json: boolean }
  | { name: 'revoke'; id: string }
  | { name: 'rotate'; id: string; overlapSeconds: number };

/** Error of an invalid command line; its message names the reason and the help. */
export class UsageError extends Error {
  constructor(message: string, see = '\nSee defi-realtime apikey --help') {
    super(`${message}${see}`);
  }
}

const OPTIONS = {
  help: { type: 'boolean', short: 'h' },
  user: { type: 'string' },
  role: { type: 'string' },
  tier: { type: 'string' },
  expires: { type: 'string' },
  name: { type: 'string' },
  types: { type: 'string' },
  transports: { type: 'string' },
  overlap: { type: 'string' },
  json: { type: 'boolean' },
} as const;

type Option = keyof typeof OPTIONS;

const TAKES: Record<Exclude<Command['name'], 'help'>, readonly Option[]> = {
  create: ['user', 'role', 'tier', 'expires', 'name', 'types', 'transports'],
  list: ['user', 'json'],
  revoke: [],
  rotate: ['overlap'],
};

const MAX_OVERLAP_SECONDS = 2_592_000;

export function parseArguments(args: readonly string[], now: number): Command {
  const { values, positionals } = parsed(args);
  if (values.help || args.length === 0) return { name: 'help' };
  const [word, id, ...rest] = positionals;
  const name = oneOf('command', Object.keys(TAKES) as (keyof typeof TAKES)[], word ?? '');
  const foreign = Object.keys(values).find((option) => !TAKES[name].some((known) => known === option));
  if (foreign !== undefined) throw new UsageError(`${name} does not accept --${foreign}.`);
  if (name === 'create' || name === 'list') {
    if (id !== undefined) throw new UsageError(`${name} accepts no further argument: ${id}`);
    return name === 'create' ? { name, key: newKey(values, now) } : listing(values);
  }
  if (id === undefined || rest.length > 0) throw new UsageError(`${name} needs the id of one key.`);
  return name === 'revoke' ? { name, id } : { name, id, overlapSeconds: overlap(values.overlap) };
}

type Values = ReturnType<typeof parsed>['values'];

function parsed(args: readonly string[]) {
  refuseUnknown(args);
  try {
    return parseArgs({ args: [...args], options: OPTIONS, allowPositionals: true });
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

function refuseUnknown(args: readonly string[]): void {
  const { tokens } = parseArgs({ args: [...args], options: OPTIONS, strict: false, tokens: true });
  for (const token of tokens) {
    if (token.kind === 'option' && !Object.hasOwn(OPTIONS, token.name)) {
      throw new UsageError(unknownArgument(token.rawName), '');
    }
  }
}

function listing({ user, json }: Values): Command {
  return { name: 'list', userId: user, json: json ?? false };
}

function newKey(values: Values, now: number): NewKey {
  return {
    userId: printable('user', values.user ?? '', 1, 255),
    name: printable('name', values.name ?? '', 0, 200),
    role: oneOf('role', ROLES, values.role ?? 'reader'),
    tier: oneOf('tier', TIERS, values.tier ?? 'free'),
    expiresAt: values.expires === undefined ? null : expiry(values.expires, now),
    subscriptionTypes: values.types === undefined ? null : several('types', SUBSCRIPTION_TYPES, values.types),
    transports: values.transports === undefined ? null : several('transports', TRANSPORTS, values.transports),
    limits: {},
  };
}

function several<T extends string>(option: string, allowed: readonly T[], text: string): T[] {
  return [...new Set(text.split(',').map((word) => oneOf(option, allowed, word.trim())))];
}

function oneOf<T extends string>(what: string, allowed: readonly T[], word: string): T {
  const found = allowed.find((name) => name === word);
  if (found === undefined) throw new UsageError(`${what} must be one of ${allowed.join(', ')}; got "${word}".`);
  return found;
}

function printable(option: string, text: string, min: number, max: number): string {
  if (text.length >= min && isPlainText(text, max)) return text;
  throw new UsageError(`--${option} must have ${min} to ${max} printable characters.`);
}

function overlap(text: string | undefined): number {
  const seconds = text === undefined ? 0 : duration(text);
  if (seconds === undefined || seconds > MAX_OVERLAP_SECONDS) {
    throw new UsageError(`--overlap must be at most 30d, such as 90s, 15m, 12h, 7d; got "${text}".`);
  }
  return seconds;
}

function expiry(text: string, now: number): Date {
  const seconds = duration(text);
  const time = readTime(text, now);
  const end = seconds === undefined ? ('at' in time ? time.at : Number.NaN) : now + seconds * 1_000;
  if (end > now && end < Date.UTC(10_000, 0)) return new Date(end);
  throw new UsageError(`--expires must be a time in the future, such as 30d or 2027-01-31T12:00:00Z; got "${text}".`);
}

const SECONDS = { s: 1, m: 60, h: 3_600, d: 86_400 } as const;

/** Returns a duration such as `90s` or `30d` in seconds; undefined for other text. */
function duration(text: string): number | undefined {
  const [, count, unit] = /^(\d{1,9})([smhd])$/.exec(text) ?? [];
  const factor = Object.entries(SECONDS).find(([name]) => name === unit)?.[1];
  return factor === undefined ? undefined : Number(count) * factor;
}
