import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';

/**
 * Longest part of an X-Forwarded-For entry that is read, characters; an IPv6 address with zone, brackets and port is
 * shorter.
 */
const MAX_HOP_LENGTH = 80;

/**
 * Returns the client's address. Each of the `trustedProxies` proxies appends the address it saw to X-Forwarded-For, so the
 * client's address is the entry at that position from the right; entries further left come from the client itself and are
 * not trusted.
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

/** Converts an IPv6-mapped IPv4 address (`::ffff:1.2.3.4`) to its usual form; returns other addresses unchanged. */
export function plainAddress(address: string): string {
  return /^::ffff:\d/i.test(address) ? address.slice('::ffff:'.length) : address;
}

/**
 * Removes the port that some proxies append (`1.2.3.4:5678`, `[2001:db8::1]:5678`): limits count per address, not per port.
 */
function withoutPort(hop: string): string {
  const inBrackets = /^\[([^\]]*)\](?::\d{1,5})?$/.exec(hop)?.[1];
  return inBrackets ?? (/^[^:]*:\d{1,5}$/.test(hop) ? hop.slice(0, hop.indexOf(':')) : hop);
}
