import { errorCode } from './error-code.js';

/** Codes that mean that the database is unavailable or too slow: errors of sockets and of name look-ups, and SQLSTATEs. */
const CODES = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  '53300', // too many connections
  '57014', // cancelled by the statement timeout
  '57P01', // ended by an administrator
  '57P02', // ended by a crash
  '57P03', // starting up or shutting down
]);

/** Messages of errors that pg itself throws; they have no code. */
const MESSAGES =
  /^(Connection terminated|timeout exceeded when trying to connect|Client has encountered a connection error|Cannot use a pool after calling end|Driver not Connected)/;

/** Whether the error means that the database is temporarily unavailable, so that the same request may succeed later. */
export function isConnectionLoss(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const code = errorCode(error);
  if (CODES.has(code) || code.startsWith('08')) return true;
  return MESSAGES.test(error.message) || isConnectionLoss(error.cause);
}

/**
 * Whether the error has causes other than the statement and its values, so that the same statement may succeed later:
 * database unavailable, deadlock, lock or statement timeout, no resources.
 */
export function isTransient(error: unknown): boolean {
  const code = errorCode(error);
  if (isConnectionLoss(error) || /^(?:40|53|55|57|58)/.test(code)) return true;
  return /^E[A-Z]+$/.test(code) || (error instanceof Error && /connection|timeout/i.test(error.message));
}
