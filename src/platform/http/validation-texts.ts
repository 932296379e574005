/**
 * Endings of class-validator's messages and the plainer text that replaces each. `$1` and `$2` are numbers in the message.
 */
const PLAIN_TEXTS: readonly (readonly [end: RegExp, text: string])[] = [
  [/ must contain at least (\d+) elements$/, 'must have $1 or more entries'],
  [/ must contain no more than (\d+) elements$/, 'must have $1 entries at most'],
  [/'s elements must be unique$/, 'must not have the same entry twice'],
  [/ must be a number conforming to the specified constraints$/, 'must be a number'],
  [
    / must be longer than or equal to (\d+) and shorter than or equal to (\d+) characters$/,
    'must have $1 to $2 characters',
  ],
  [/ must be longer than or equal to (\d+) characters$/, 'must have $1 or more characters'],
  [/ must be shorter than or equal to (\d+) characters$/, 'must have $1 characters at most'],
];

/** Returns the message of a violated rule in plain words. */
export function plainText(property: string, text: string): string {
  for (const [end, plain] of PLAIN_TEXTS) {
    const found = end.exec(text);
    if (found === null) continue;
    const subject = text.startsWith('each value in ') ? `each value in ${property}` : property;
    return `${subject} ${plain.replace('$1', found[1] ?? '').replace('$2', found[2] ?? '')}`;
  }
  return text;
}
