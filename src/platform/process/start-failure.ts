import { errorCode } from '../errors/error-code.js';

/** Returns the message for operators about a failed start; with the stack if LOG_LEVEL is debug or trace. */
export function startFailure(error: unknown): string {
  if (!(error instanceof Error)) return `Cannot start: ${String(error)}\n`;
  const code = errorCode(error);
  const port = 'port' in error ? String(error.port) : '';
  const reason =
    code === 'EADDRINUSE' && 'syscall' in error && error.syscall === 'listen'
      ? `Port ${port} is taken by another program: stop that program, or set PORT to another number.`
      : error.message || code;
  const details = /^(?:debug|trace)$/.test(process.env['LOG_LEVEL'] ?? '') ? `${error.stack ?? ''}\n` : '';
  return `Cannot start: ${reason}\n${details}`;
}
