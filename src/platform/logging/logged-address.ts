import { redactEncoded } from '../errors/redaction.js';

/** Query parameters whose values are logged, because they cannot contain a secret. */
const SHOWN = new Set(
  `EIO all bucket chain chains channels cursor eventTypes exact from interval intervalMs lastEventId limit maxValue minValue
   mode protocol protocols snapshot since sort threshold to transport types window`.split(/\s+/),
);
const MAX_PATH_LENGTH = 1_000;
const MAX_VALUE_LENGTH = 100;
const MAX_PARAMETERS = 30;

/**
 * Returns a request's URL for the log. Path and query are decoded, so that encoding hides no secret; only `SHOWN` parameters
 * keep their values.
 */
export function loggedAddress(url: string): string {
  const [, path = '', query = ''] = /^([^?#]*)(?:\?([^#]*))?/.exec(url) ?? [];
  const shown = [...new URLSearchParams(query)]
    .slice(0, MAX_PARAMETERS)
    .map(([name, value]) => shownParameter(name, value));
  return redactEncoded(path.slice(0, MAX_PATH_LENGTH)) + (shown.length > 0 ? `?${shown.join('&')}` : '');
}

function shownParameter(name: string, value: string): string {
  if (SHOWN.has(name)) return `${name}=${redactEncoded(value.slice(0, MAX_VALUE_LENGTH))}`;
  return `${/^[A-Za-z]\w{0,31}$/.test(name) && !/^rta_/i.test(name) ? name : '…'}=***`;
}
