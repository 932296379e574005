/** A text as a part of a Redis pattern that matches only itself: a key prefix may hold characters that mean something there. */
export function escapedPattern(text: string): string {
  return text.replaceAll(/[\\*?[\]]/g, String.raw`\$&`);
}
