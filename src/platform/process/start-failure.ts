import type { Settings } from '../settings/settings.js';

/** What this build cannot do although its settings exist: better no start than one that only looks right. */
export function refuseUnsupported(settings: Settings): void {
  if (settings.redisUrl === undefined) return;
  throw new Error(
    'REDIS_URL is set, but scaling out over Redis is not in this build: unset it (and REDIS_HOST) to run as one process.',
  );
}

/** Why the start failed, in the words of the one who has to fix it; the stack is for LOG_LEVEL=debug. */
export function startFailure(error: unknown): string {
  if (!(error instanceof Error)) return `Cannot start: ${String(error)}\n`;
  const code = 'code' in error ? error.code : undefined;
  const port = 'port' in error ? String(error.port) : '';
  const reason =
    code === 'EADDRINUSE' && 'syscall' in error && error.syscall === 'listen'
      ? `Port ${port} is taken by another program: stop that one, or set PORT to another number.`
      : error.message || String(code);
  const details = /^(?:debug|trace)$/.test(process.env['LOG_LEVEL'] ?? '') ? `${error.stack ?? ''}\n` : '';
  return `Cannot start: ${reason}\n${details}`;
}
