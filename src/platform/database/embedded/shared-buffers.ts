import { totalmem } from 'node:os';

const MB = 2 ** 20;
const MIN_MB = 256;
const MAX_MB = 2_048;
/** Share of the memory; the application and the system's own cache need the rest. */
const SHARE = 1 / 8;

/**
 * Returns `shared_buffers`, the server's cache of its tables: an eighth of the memory of this machine or container, from 256 MB
 * to 2 GB, taken as it is filled. Other pages are copied from the system's cache again with every query.
 */
export function sharedBuffers(machine = totalmem(), container = process.constrainedMemory()): string {
  const memory = container > 0 ? Math.min(machine, container) : machine;
  return `${Math.round(Math.min(MAX_MB, Math.max(MIN_MB, (memory * SHARE) / MB)))}MB`;
}
