/** Returns the context for which a confirmation link's token is sealed until its mail is written. */
export function confirmContext(targetId: string): string {
  return `mail-confirmation:${targetId}`;
}

/** Returns the context for which the secret of a target, a token or a whole address, is sealed. */
export function targetContext(targetId: string): string {
  return `push-target:${targetId}`;
}
