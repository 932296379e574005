import { ChildProcess } from 'node:child_process';
import { Server, Socket } from 'node:net';
import { afterAll } from 'vitest';

/**
 * Returns libuv's open handles. This undocumented list is the only source: getActiveResourcesInfo() returns no addresses.
 */
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
 * Fails a test file that leaves servers, connections or processes open. Hooks run in reverse order, so this one,
 * registered before all hooks of the file, runs last.
 */
afterAll(async () => {
  const deadline = Date.now() + CLOSING_MS;
  while (open().length > 0 && Date.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 20));
  if (open().length > 0) throw new Error(`This file leaves behind ${open().join(', ')}`);
}, CLOSING_MS + 2_000);
