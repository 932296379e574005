import { redact } from '../../platform/logging/redaction.js';

/** What an error says, fit for a log line and for the owner of a target: short, and without secrets. */
export function safeReason(error: unknown): string {
  const text = error instanceof Error ? error.message || error.name : String(error);
  return redact(text.replaceAll(/\s+/g, ' ')).slice(0, 500);
}
