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
 * The address with start-up options of the server (`-c name=value …`) added to those it already has. They travel in the
 * address because pg lets an `options` parameter there win over any other place.
 */
export function withOptions(url: string, options: string): string {
  const address = new URL(url);
  const given = address.searchParams.get('options');
  address.searchParams.set('options', given ? `${given} ${options}` : options);
  return address.href;
}

/** The address as it may be shown and logged: without the password. */
export function withoutPassword(url: string): string {
  const address = new URL(url);
  if (address.password !== '') address.password = '***';
  if (address.searchParams.has('password')) address.searchParams.set('password', '***');
  return address.href;
}
