/** What the secret of a target, a token or a whole address, is sealed for. */
export function targetContext(targetId: string): string {
  return `push-target:${targetId}`;
}
