import { totalmem } from 'node:os';

const MB = 2 ** 20;
const LEAST_MB = 256;
const MOST_MB = 2_048;
/** The application and the system's own cache want the rest. */
const SHARE = 1 / 8;

/**
 * What the server keeps of its tables in memory, as `shared_buffers`: an eighth of what this machine or container has, from
 * 256 MB to 2 GB, taken as it is filled. Whatever is not kept is copied from the system's cache again with every query.
 */
export function sharedBuffers(machine = totalmem(), container = process.constrainedMemory()): string {
  const memory = container > 0 ? Math.min(machine, container) : machine;
  return `${Math.round(Math.min(MOST_MB, Math.max(LEAST_MB, (memory * SHARE) / MB)))}MB`;
}
