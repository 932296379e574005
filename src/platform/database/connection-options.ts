import pg from 'pg';

/** What every connection of the product speaks as: the role that owns nothing and may do only what migrations grant. */
export const APP_ROLE = 'rta_app';

/** OID of int8. Sequence numbers and counts stay far below 2^53, so they are plain numbers instead of pg's strings. */
const INT8 = 20;

/** pg's own value parsers, except for int8. */
export const valueTypes: pg.CustomTypesConfig = {
  getTypeParser: ((oid: number, format?: 'text' | 'binary') =>
    oid === INT8 && format !== 'binary'
      ? Number
      : pg.types.getTypeParser(oid, format)) as typeof pg.types.getTypeParser,
};

/**
 * What every session of ours is told, whatever the server, the role or the address says: days and hours are those of UTC,
 * and times and numbers travel in the form that the driver reads, unrounded.
 */
const SESSION = '-c timezone=UTC -c datestyle=ISO,MDY -c intervalstyle=postgres -c extra_float_digits=1';

/**
 * The address of a session of ours, with further start-up options of the server (`-c name=value …`). They travel in the
 * address, behind those it already has, because pg lets an `options` parameter there win over any other place, and the
 * server the last one over all settings of roles and databases.
 */
export function sessionUrl(url: string, options = ''): string {
  const address = new URL(url);
  const given = address.searchParams.get('options');
  address.searchParams.set('options', [given, options, SESSION].filter(Boolean).join(' '));
  return address.href;
}

/** The address as it may be shown and logged: without the password. */
export function withoutPassword(url: string): string {
  const address = new URL(url);
  if (address.password !== '') address.password = '***';
  if (address.searchParams.has('password')) address.searchParams.set('password', '***');
  return address.href;
}
