/** Escapes a text for a Redis pattern, so that it matches only itself: a key prefix may contain special characters. */
export function escapedPattern(text: string): string {
  return text.replaceAll(/[\\*?[\]]/g, String.raw`\$&`);
}
