import { readFileSync } from 'node:fs';
import { isIPv6 } from 'node:net';
import { SETTINGS } from './settings-table.js';
import { isVapidPair } from './message-settings.js';
import type { Setting } from './setting.js';
import { errorCode } from '../errors/error-code.js';

type CamelCase<S extends string> = S extends `${infer Head}_${infer Tail}`
  ? `${Lowercase<Head>}${Capitalize<CamelCase<Tail>>}`
  : Lowercase<S>;
type ValueOf<S> = S extends Setting<infer T> ? T : never;

/** Values of `SETTINGS` under camelCase names: `DATABASE_URL` becomes `databaseUrl`. */
type SettingValues = {
  readonly [Name in keyof typeof SETTINGS as CamelCase<Name>]: ValueOf<(typeof SETTINGS)[Name]>;
};

export type Environment = Readonly<Record<string, string | undefined>>;

// Base class that derives its properties and types from `SETTINGS`.
const Values = class {
  constructor(values: SettingValues) {
    Object.assign(this, values);
  }
} as new (values: SettingValues) => SettingValues;

/** Settings of the process, parsed and checked. No other code reads the environment. */
export class Settings extends Values {
  /** Whether the process starts its own PostgreSQL: no DATABASE_URL is set. */
  get embedded(): boolean {
    return this.databaseUrl === undefined;
  }

  get migrate(): boolean {
    return this.migrateOnStart ?? this.embedded;
  }
}

/** Check of settings whose allowed values are known only to the module that reads them; returns the faults. */
export type SettingsCheck = (settings: Settings) => readonly string[];

/** Error with all faults of the settings, one per line; it stops the start. */
export class SettingsError extends Error {
  override readonly name = 'SettingsError';

  constructor(readonly faults: readonly string[]) {
    super(['The settings are not valid:', ...faults.map((fault) => `  ${fault}`)].join('\n'));
  }
}

/**
 * Parses the settings of an environment; throws a SettingsError with all faults. Empty values count as unset. `fileNames`
 * are the names found in a settings file; an unknown name there is a fault, unlike in the environment. `checks` are checks
 * of other modules.
 */
export function parseSettings(
  env: Environment,
  fileNames: readonly string[] = [],
  checks: readonly SettingsCheck[] = [],
): Settings {
  const faults = fileNames.filter((name) => !isSetting(name)).map((name) => `${name}: no such setting (in .env)`);
  const values = Object.entries<Setting<unknown>>(SETTINGS).map(([name, setting]) => [
    camelCase(name),
    parseOne(name, setting, givenText(name, setting, env, faults), faults),
  ]);
  const parsed: SettingValues = Object.fromEntries(values);
  const settings = new Settings({ ...parsed, redisUrl: parsed.redisUrl ?? redisUrlFromParts(parsed) });
  faults.push(...contradictions(settings), ...checks.flatMap((check) => check(settings)));
  if (faults.length > 0) throw new SettingsError(faults);
  return settings;
}

/** Whether a name is a setting, or a secret setting's name with the suffix `_FILE`. */
function isSetting(name: string): boolean {
  const settings = new Map(Object.entries<Setting<unknown>>(SETTINGS));
  return settings.has(name) || settings.get(name.replace(/_FILE$/, ''))?.secret === true;
}

/**
 * Returns the text of a setting. A secret setting may be stored in the file that `NAME_FILE` names; one newline at the end
 * of the file is removed.
 */
function givenText(name: string, setting: Setting<unknown>, env: Environment, faults: string[]): string {
  const given = env[name]?.trim() ?? '';
  const file = setting.secret ? (env[`${name}_FILE`]?.trim() ?? '') : '';
  if (file === '') return given;
  if (given !== '') faults.push(`${name}_FILE: ${name} is set too; unset one of them`);
  try {
    return readFileSync(file, 'utf8').replace(/\r?\n$/, '');
  } catch (error) {
    const code = errorCode(error) || String(error);
    faults.push(`${name}_FILE=${file.slice(0, 200)}: the file cannot be read (${code})`);
    return '';
  }
}

function parseOne(name: string, setting: Setting<unknown>, given: string, faults: string[]): unknown {
  if (given === '') return setting.fallback;
  try {
    return setting.parse(given);
  } catch (error) {
    const shown = setting.secret ? '(hidden)' : given.slice(0, 200);
    faults.push(`${name}=${shown}: ${error instanceof Error ? error.message : String(error)}`);
    return setting.fallback;
  }
}

function contradictions(values: SettingValues): string[] {
  const faults: string[] = [];
  if (values.role !== 'all' && values.redisUrl === undefined) {
    faults.push(`ROLE=${values.role}: several processes share their work through Redis, so REDIS_URL must be set`);
  }
  const { redisPort, redisPassword, redisDb } = values;
  if (values.redisUrl === undefined && [redisPort, redisPassword, redisDb].some((part) => part !== undefined)) {
    faults.push('REDIS_PORT, REDIS_PASSWORD and REDIS_DB: REDIS_HOST must be set too, else there is no Redis');
  }
  if ((values.tlsCert === undefined) !== (values.tlsKey === undefined)) {
    faults.push('TLS_CERT and TLS_KEY: one is set and the other is not');
  }
  if (values.jwksUrl !== undefined && (values.jwtIssuer === undefined || values.jwtAudience === undefined)) {
    faults.push(
      'JWKS_URL: JWT_ISSUER and JWT_AUDIENCE must be set, too; without them tokens issued for other services would be accepted',
    );
  }
  const { jwtIssuer, jwtAudience, jwtClaims, jwtSecret, jwksUrl } = values;
  const readsTokens = (jwtSecret ?? jwksUrl) !== undefined;
  if (!readsTokens && [jwtIssuer, jwtAudience, jwtClaims].some((part) => part !== undefined)) {
    faults.push(
      'JWT_ISSUER, JWT_AUDIENCE and JWT_CLAIMS: JWT_SECRET or JWKS_URL must be set too, else no token is accepted',
    );
  }
  if ((values.vapidPublicKey === undefined) !== (values.vapidPrivateKey === undefined)) {
    faults.push('VAPID_PUBLIC_KEY and VAPID_PRIVATE_KEY: one is set and the other is not');
  } else if (values.vapidPublicKey !== undefined && values.vapidPrivateKey !== undefined) {
    if (!isVapidPair(values.vapidPublicKey, values.vapidPrivateKey)) {
      faults.push('VAPID_PUBLIC_KEY and VAPID_PRIVATE_KEY: must be the two keys of one pair');
    }
  }
  return faults;
}

function redisUrlFromParts(values: SettingValues): string | undefined {
  if (values.redisHost === undefined) return undefined;
  const password = values.redisPassword === undefined ? '' : `:${encodeURIComponent(values.redisPassword)}@`;
  const host = isIPv6(values.redisHost) ? `[${values.redisHost}]` : values.redisHost;
  return `redis://${password}${host}:${values.redisPort ?? 6379}/${values.redisDb ?? 0}`;
}

function camelCase(name: string): string {
  return name.toLowerCase().replaceAll(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
}
