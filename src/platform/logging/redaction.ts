/** API keys and signed tokens, wherever they stand; the id of a key stays, so that its owner can be found. */
const KEY = /\brta_([A-Za-z0-9]{1,64})_[A-Za-z0-9_-]{8,}/g;
const TOKEN = /\beyJ[\w-]+\.[\w-]+\.[\w-]+/g;
/** Secrets in addresses, under whatever name the client chose to believe in. */
const QUERY = /([?&](?:api_?key|key|token|access_token|secret|password)=)[^&#\s"\\]+/gi;
const URL_PASSWORD = /(\w+:\/\/[^\s:/?#@"\\]*:)[^\s/?#@"\\]+@/g;

/** The text without secrets. Runs over every log line as it is written, so no code path can forget it. */
export function redact(text: string): string {
  return text.replace(KEY, 'rta_$1_***').replace(TOKEN, '***').replace(QUERY, '$1***').replace(URL_PASSWORD, '$1***@');
}

/** Fields whose value is a secret whatever it looks like. */
export const SECRET_FIELDS = ['authorization', 'apiKey', 'secret', 'password', 'token', 'cookie'].flatMap((name) => [
  name,
  `*.${name}`,
  `*.*.${name}`,
]);
