import { DataSource } from 'typeorm';
import { Clock } from '../../platform/clock/clock.js';
import { APP_ROLE, sessionUrl, valueTypes } from '../../platform/database/connection-options.js';
import { NOT_RUNNING, runningDatabaseUrl } from '../../platform/database/running-database.js';
import { DomainError } from '../../platform/errors/domain-error.js';
import { RequestContext } from '../../platform/request/request-context.js';
import type { Settings } from '../../platform/settings/settings.js';
import { AuditEntryEntity } from '../audit/audit-entry.entity.js';
import { Audit } from '../audit/audit.js';
import { ApiKeyEntity } from '../keys/api-key.entity.js';
import { ApiKeys } from '../keys/api-keys.js';
import { KeyChanges } from '../keys/key-changes.js';
import { UserEntity } from '../keys/user.entity.js';
import { HELP, parseArguments, UsageError, type Command } from './arguments.js';

/** Output streams of the command: results go to `out`, messages to `err`. */
interface Output {
  out(line: string): void;
  err(line: string): void;
}

const ACTOR = 'cli';

/** Runs `defi-realtime apikey …` and returns the exit code. 0: done; 1: refused or failed; 2: invalid arguments. */
export async function runApiKeyCommand(
  args: readonly string[],
  settings: () => Settings,
  output: Output,
): Promise<number> {
  try {
    const command = parseArguments(args, new Clock().now());
    if (command.name === 'help') output.out(HELP);
    else await runOnDatabase(command, settings(), output);
    return 0;
  } catch (error) {
    output.err(error instanceof Error ? error.message : String(error));
    return error instanceof UsageError ? 2 : 1;
  }
}

async function runOnDatabase(command: Command, settings: Settings, output: Output): Promise<void> {
  const source = await connect(settings);
  try {
    const audit = new Audit(source.getRepository(AuditEntryEntity), new RequestContext());
    await run(command, new ApiKeys(source, new Clock(), new KeyChanges()), source, audit, output);
  } finally {
    await source.destroy();
  }
}

async function run(command: Command, keys: ApiKeys, source: DataSource, audit: Audit, output: Output): Promise<void> {
  const action = `api_key.${command.name}`;
  const subject = 'id' in command ? { subject: command.id } : {};
  try {
    const made = await perform(command, keys, source, output);
    const request = requestOf(command);
    const detail = request && { detail: { request } };
    await audit.record({ actor: ACTOR, action, outcome: 'ok', ...subject, ...(made && { subject: made }), ...detail });
  } catch (error) {
    const code = error instanceof DomainError ? error.code : 'internal_error';
    await audit.record({ actor: ACTOR, action, outcome: 'refused', ...subject, detail: { code } });
    throw error;
  }
}

/** Returns the arguments of the command for the audit entry, in the form that audited REST requests have. */
function requestOf(command: Command): object | undefined {
  if (command.name === 'create') return command.key;
  return command.name === 'rotate' ? { id: command.id, overlapSeconds: command.overlapSeconds } : undefined;
}

/** Performs the command. Returns the id of the created key, if any. */
async function perform(
  command: Command,
  keys: ApiKeys,
  source: DataSource,
  output: Output,
): Promise<string | undefined> {
  if (command.name === 'list') {
    for (const line of await listKeys(source, command)) output.out(line);
  } else if (command.name === 'revoke') {
    await keys.revoke(command.id);
    output.err(`Key ${command.id} is revoked; its connections end within 5 s.`);
  } else if (command.name !== 'help') {
    const made =
      command.name === 'create'
        ? await keys.create(command.key, { actor: ACTOR })
        : await keys.rotate(command.id, command.overlapSeconds, { actor: ACTOR });
    output.err(
      `Key ${made.key.id} of user ${made.key.userId} (${made.key.role}, ${made.key.tier}). Shown only this once:`,
    );
    output.out(made.text);
    return made.key.id;
  }
  return undefined;
}

async function connect(settings: Settings): Promise<DataSource> {
  const url = await runningDatabaseUrl(settings);
  const source = new DataSource({
    type: 'postgres',
    url: sessionUrl(url, `-c role=${APP_ROLE}`),
    applicationName: 'defi-realtime-apikey',
    entities: [UserEntity, ApiKeyEntity, AuditEntryEntity],
    installExtensions: false,
    extra: { max: 1, connectionTimeoutMillis: 5_000, types: valueTypes },
  });
  try {
    return await source.initialize();
  } catch (cause) {
    const reason = cause instanceof Error && cause.message !== '' ? ` (${cause.message})` : '';
    const message =
      settings.databaseUrl === undefined ? NOT_RUNNING : `The database of DATABASE_URL cannot be reached${reason}.`;
    throw new Error(message, { cause });
  }
}

interface Listing {
  userId: string | undefined;
  json: boolean;
}

/** Returns keys in descending order of creation, as lines of a table or one JSON object per line. */
async function listKeys(source: DataSource, { userId, json }: Listing): Promise<string[]> {
  const keys = await source.getRepository(ApiKeyEntity).find({
    ...(userId === undefined ? {} : { where: { userId } }),
    order: { position: 'DESC' },
  });
  const rows = keys.map(shown);
  return json ? rows.map((row) => JSON.stringify(row)) : table(rows);
}

function shown({ id, userId, name, role, tier, createdAt, expiresAt, revokedAt }: ApiKeyEntity) {
  const expired = expiresAt !== null && expiresAt.getTime() <= Date.now();
  const state = revokedAt !== null ? 'revoked' : expired ? 'expired' : 'active';
  const expires = expiresAt?.toISOString() ?? 'never';
  return { id, user: userId, role, tier, state, expires, created: createdAt.toISOString(), name };
}

function table(rows: readonly ReturnType<typeof shown>[]): string[] {
  const [first] = rows;
  if (first === undefined) return ['no keys'];
  const lines = [Object.keys(first), ...rows.map((row) => Object.values(row))];
  const widths = Object.keys(first).map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0)));
  return lines.map((line) =>
    line
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}
