import { totalmem } from 'node:os';

const MB = 2 ** 20;
const MIN_MB = 256;
const MAX_MB = 2_048;
/** Share of the memory; the application and the cache of the operating system need the rest. */
const SHARE = 1 / 8;

/**
 * Returns `shared_buffers`, the server's cache of table pages: an eighth of the memory of this machine or container, from
 * 256 MB to 2 GB. The memory is allocated as the cache fills. Pages outside this cache are copied from the operating
 * system's cache at each query.
 */
export function sharedBuffers(machine = totalmem(), container = process.constrainedMemory()): string {
  const memory = container > 0 ? Math.min(machine, container) : machine;
  return `${Math.round(Math.min(MAX_MB, Math.max(MIN_MB, (memory * SHARE) / MB)))}MB`;
}
