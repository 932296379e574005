/** Returns the encryption context of a confirmation link's token, which is encrypted until its mail is written. */
export function confirmContext(targetId: string): string {
  return `mail-confirmation:${targetId}`;
}

/** Returns the encryption context of a target's secret: a push token or a complete URL. */
export function targetContext(targetId: string): string {
  return `push-target:${targetId}`;
}

/** Returns the encryption context of a signing secret: if its row is moved to another endpoint, it cannot be decrypted. */
export function secretContext(targetId: string): string {
  return `webhook-secret:${targetId}`;
}
