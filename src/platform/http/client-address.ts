import type { IncomingMessage } from 'node:http';

/**
 * The address of the client behind `trustedProxies` proxies. Each of them appends the address it saw to
 * X-Forwarded-For, so the client's is that many entries from the right; what stands left of it the client wrote itself.
 */
export function clientAddress(request: IncomingMessage, trustedProxies: number): string {
  const direct = request.socket.remoteAddress ?? 'unknown';
  if (trustedProxies === 0) return plain(direct);
  const forwarded = [request.headers['x-forwarded-for'] ?? []].flat().join(',');
  const hops = forwarded.split(',').map((hop) => hop.trim());
  const hop = hops.filter((entry) => entry !== '').at(-trustedProxies) ?? hops.find((entry) => entry !== '');
  return plain(hop === undefined || hop.length > 64 ? direct : hop);
}

/** IPv4 addresses as they are written everywhere, not in their IPv6 disguise. */
function plain(address: string): string {
  return address.startsWith('::ffff:') ? address.slice('::ffff:'.length) : address;
}
