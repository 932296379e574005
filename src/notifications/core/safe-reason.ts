import { redact } from '../../platform/errors/redaction.js';

/**
 * Returns the text of an error for log lines, the database and the owner of a target: short, without secrets and NUL
 * characters.
 */
export function safeReason(error: unknown): string {
  const text = error instanceof Error ? error.message || error.name : String(error);
  return redact(text.replaceAll(/[\s\p{Cc}]+/gu, ' ')).slice(0, 500);
}
