import { redact } from '../../platform/logging/redaction.js';

/**
 * Returns the text of an error, fit for a log line, for the database and for the owner of a target: short, without secrets and
 * NUL.
 */
export function safeReason(error: unknown): string {
  const text = error instanceof Error ? error.message || error.name : String(error);
  return redact(text.replaceAll(/[\s\p{Cc}]+/gu, ' ')).slice(0, 500);
}
