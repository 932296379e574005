import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';

/** An IPv6 address with zone, brackets and port is shorter. */
const MAX_HOP_LENGTH = 80;

/**
 * The address of the client behind `trustedProxies` proxies. Each of them appends the address it saw to
 * X-Forwarded-For, so the client's is that many entries from the right; what stands left of it the client wrote itself.
 */
export function clientAddress(request: IncomingMessage, trustedProxies: number): string {
  const direct = plainAddress(request.socket.remoteAddress ?? 'unknown');
  if (trustedProxies === 0) return direct;
  const forwarded = [request.headers['x-forwarded-for'] ?? []].flat().join(',');
  const hops = forwarded.split(',').map((hop) => hop.trim());
  const hop = hops.filter((entry) => entry !== '').at(-trustedProxies) ?? hops.find((entry) => entry !== '');
  const address = plainAddress(withoutPort(hop?.slice(0, MAX_HOP_LENGTH) ?? ''));
  return isIP(address) === 0 ? direct : address;
}

/** IPv4 addresses as they are written everywhere, not in their IPv6 disguise. */
export function plainAddress(address: string): string {
  return /^::ffff:\d/i.test(address) ? address.slice('::ffff:'.length) : address;
}

/** Some proxies append the port of each connection: `1.2.3.4:5678`, `[2001:db8::1]:5678`. Every port is the same client. */
function withoutPort(hop: string): string {
  const inBrackets = /^\[([^\]]*)\](?::\d{1,5})?$/.exec(hop)?.[1];
  return inBrackets ?? (/^[^:]*:\d{1,5}$/.test(hop) ? hop.slice(0, hop.indexOf(':')) : hop);
}
