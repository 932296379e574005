/** API keys in any text; the id of a key stays, so that its owner can be found. */
const KEY = /\brta_([A-Za-z0-9]{1,64})_[A-Za-z0-9_-]{8,}/g;
/** Runs of characters that could be a signed token: scanned once, so that the time grows with the text's length only. */
const RUN = /[\w.-]{20,}/g;
/** Secrets in addresses, under any of the names that clients use. */
const QUERY = /([?&](?:api_?key|key|token|access_token|secret|password)=)[^&#\s"\\]+/gi;
const URL_PASSWORD = /(:\/\/[^\s:/?#@"\\]*:)[^\s/?#@"\\]+@/g;

/**
 * Returns the text without secrets. Runs over every log line as it is written, so no code path can omit it. Its time grows with
 * the length of the line only.
 */
export function redact(text: string): string {
  return text
    .replace(KEY, 'rta_$1_***')
    .replace(RUN, (run) => (/(?:^|[.-])eyJ/.test(run) && /\.[\w-]+\./.test(run) ? '***' : run))
    .replace(QUERY, '$1***')
    .replace(URL_PASSWORD, '$1***@');
}

/** Redacts a text in which a client may have hidden a secret by percent-encoding: decoded if there is one. */
export function redactEncoded(text: string): string {
  const plain = text.includes('%') ? decoded(text) : text;
  const safe = redact(plain);
  return safe === plain ? text : safe;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    // Invalid encoding is decoded character by character.
    return text.replace(/%[0-7][0-9a-f]/gi, (code) => String.fromCharCode(Number.parseInt(code.slice(1), 16)));
  }
}

/** Fields whose value is a secret whatever it looks like. */
export const SECRET_FIELDS = ['authorization', 'apiKey', 'secret', 'password', 'token', 'cookie'].flatMap((name) => [
  name,
  `*.${name}`,
  `*.*.${name}`,
]);
