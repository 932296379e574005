/** API keys in any text. The id of the key stays visible, so that operators can find its owner. */
const KEY = /rta_([A-Za-z0-9]{1,64})_[A-Za-z0-9_-]+/g;
/** Character runs that could be a signed token. Each is scanned once, so that the time is linear in the text's length. */
const RUN = /[\w.-]{20,}/g;
/** Secrets in URLs, under any of the parameter names that clients use. */
const QUERY = /([?&](?:api_?key|key|token|access_token|secret|password)=)[^&#\s"\\]+/gi;
const URL_PASSWORD = /(:\/\/[^\s:/?#@"\\]*:)[^\s/?#@"\\]+@/g;

/**
 * Returns the text with secrets replaced. Every log line passes through this function as it is written, so no code path can
 * omit it. The time is linear in the line's length.
 */
export function redact(text: string): string {
  return text
    .replace(KEY, 'rta_$1_***')
    .replace(RUN, (run) => (/(?:^|[.-])eyJ/.test(run) && /\.[\w-]+\./.test(run) ? '***' : run))
    .replace(QUERY, '$1***')
    .replace(URL_PASSWORD, '$1***@');
}

/**
 * Redacts a text in which percent-encoding may hide a secret: if the decoded text contains a secret, the decoded and
 * redacted text is returned.
 */
export function redactEncoded(text: string): string {
  const plain = text.includes('%') ? decoded(text) : text;
  const safe = redact(plain);
  return safe === plain ? text : safe;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    // If the encoding is invalid as a whole, each valid ASCII escape is decoded.
    return text.replace(/%[0-7][0-9a-f]/gi, (code) => String.fromCharCode(Number.parseInt(code.slice(1), 16)));
  }
}

const SECRET_NAMES = ['authorization', 'apiKey', 'secret', 'password', 'token', 'cookie'];
/** Values of a statement that failed, in errors of TypeORM: addresses, texts and hashes of users. */
const STATEMENT_VALUES = 'parameters';

/** Arguments of a command that Redis refused, in errors of ioredis: data of users, up to some MB of it. */
const COMMAND_VALUES = 'err.command.args';

/** Names of log fields whose values are always redacted. */
export const SECRET_FIELDS = [
  ...[...SECRET_NAMES, STATEMENT_VALUES].flatMap((name) => [name, `*.${name}`, `*.*.${name}`]),
  COMMAND_VALUES,
];
