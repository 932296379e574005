import pg from 'pg';
import { parseBoundedJson } from './bounded-json.js';

/**
 * Role of pooled connections and of requests: it owns nothing, has only the rights that migrations grant, and sees of users'
 * rows those of the user that its transaction names.
 */
export const APP_ROLE = 'rta_app';
/** Role of the process's own work: the rights of `APP_ROLE`, and the rows of all users. */
export const WORKER_ROLE = 'rta_worker';

/** OID of int8. Sequence numbers and counts stay far below 2^53, so they are parsed as numbers; pg's default are strings. */
const INT8 = 20;
const JSON_TYPE = 114;
const JSONB = 3802;

/** Parsers that replace pg's own, by OID. */
const parsers: ReadonlyMap<number, (text: string) => unknown> = new Map<number, (text: string) => unknown>([
  [INT8, Number],
  [JSON_TYPE, parseBoundedJson],
  [JSONB, parseBoundedJson],
]);

/** Value parsers of every session: pg's own, with numbers for int8, and a limit of the levels of JSON. */
export const valueTypes: pg.CustomTypesConfig = {
  getTypeParser: ((oid: number, format?: 'text' | 'binary') =>
    (format === 'binary' ? undefined : parsers.get(oid)) ??
    pg.types.getTypeParser(oid, format)) as typeof pg.types.getTypeParser,
};

/**
 * Options of every session; they override settings of the server, the role and the address. Days and hours are computed in
 * UTC, and times and numbers are sent in the unrounded format that the driver parses.
 */
const SESSION = '-c timezone=UTC -c datestyle=ISO,MDY -c intervalstyle=postgres -c extra_float_digits=1';

/**
 * Returns the database address with the session's start-up options and further ones (`-c name=value …`). They are appended
 * to the `options` parameter of the address: pg prefers that parameter to any other place for options, and the server
 * prefers the last value of an option to settings of roles and databases.
 */
export function sessionUrl(url: string, options = ''): string {
  const address = new URL(url);
  const given = address.searchParams.get('options');
  address.searchParams.set('options', [given, options, SESSION].filter(Boolean).join(' '));
  return address.href;
}

/** Returns the address without the password, for display and logs. */
export function withoutPassword(url: string): string {
  const address = new URL(url);
  if (address.password !== '') address.password = '***';
  if (address.searchParams.has('password')) address.searchParams.set('password', '***');
  return address.href;
}
