/** Returns the context for which the secret of a target, a token or a whole address, is sealed. */
export function targetContext(targetId: string): string {
  return `push-target:${targetId}`;
}
