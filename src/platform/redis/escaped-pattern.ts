/** Escapes a text as a part of a Redis pattern that matches only itself: a key prefix may hold special characters. */
export function escapedPattern(text: string): string {
  return text.replaceAll(/[\\*?[\]]/g, String.raw`\$&`);
}
