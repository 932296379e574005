import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';

/** Longest entry of X-Forwarded-For, characters: longer than an IPv6 address with zone, brackets and port. */
const MAX_HOP_LENGTH = 80;

/**
 * Returns the address of the client behind `trustedProxies` proxies. Each of them appends the address it saw to
 * X-Forwarded-For, so the client's is that many entries from the right; entries further left were written by the client itself.
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

/** Returns IPv4 addresses in their usual form instead of the IPv6-mapped one. */
export function plainAddress(address: string): string {
  return /^::ffff:\d/i.test(address) ? address.slice('::ffff:'.length) : address;
}

/**
 * Returns the address without the port that some proxies append: `1.2.3.4:5678`, `[2001:db8::1]:5678`. Every port is the same
 * client.
 */
function withoutPort(hop: string): string {
  const inBrackets = /^\[([^\]]*)\](?::\d{1,5})?$/.exec(hop)?.[1];
  return inBrackets ?? (/^[^:]*:\d{1,5}$/.test(hop) ? hop.slice(0, hop.indexOf(':')) : hop);
}
