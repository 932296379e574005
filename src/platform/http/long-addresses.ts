import type { Server } from 'node:http';

/** Bytes of an address and all headers: twice the longest address that a route takes (500 coins in 32 KB). */
const MAX_HEADER_BYTES = 65_536;

/** Node's usual 16 KiB would cut long lists in addresses off before a route could say what its limit is. */
export function longAddresses(server: Server): void {
  // Read by Node for every connection; its types know it as an option only, and Nest passes none on.
  Object.assign(server, { maxHeaderSize: MAX_HEADER_BYTES });
}
