import { ChildProcess } from 'node:child_process';
import { Server, Socket } from 'node:net';
import { afterAll } from 'vitest';

/** What libuv still has open is only known to this undocumented list; getActiveResourcesInfo() has no addresses. */
const activeHandles = (): readonly unknown[] =>
  (process as unknown as { _getActiveHandles(): unknown[] })._getActiveHandles();

const before = new Set(activeHandles());
const CLOSING_MS = 3_000;

function describeHandle(handle: unknown): string | undefined {
  if (handle instanceof Server && handle.listening) return `a server listening on ${JSON.stringify(handle.address())}`;
  if (handle instanceof ChildProcess && handle.exitCode === null && handle.signalCode === null) {
    return `a child process: ${handle.spawnargs.join(' ').slice(0, 120)}`;
  }
  if (handle instanceof Socket && !handle.destroyed && handle.remotePort !== undefined) {
    return `a connection to ${handle.remoteAddress ?? ''}:${handle.remotePort}`;
  }
  return undefined;
}

const open = (): string[] =>
  activeHandles()
    .filter((handle) => !before.has(handle))
    .map(describeHandle)
    .filter((text) => text !== undefined);

/**
 * A file that leaves servers, connections or processes behind fails. Hooks run in reverse order, so this one, registered
 * before any of the file's own, sees what they left.
 */
afterAll(async () => {
  const deadline = Date.now() + CLOSING_MS;
  while (open().length > 0 && Date.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 20));
  if (open().length > 0) throw new Error(`This file leaves behind ${open().join(', ')}`);
}, CLOSING_MS + 2_000);
