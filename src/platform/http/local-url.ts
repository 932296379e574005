import type { AddressInfo, Server } from 'node:net';

/** Returns the address under which a listening server is reached from its own machine. */
export function localUrl(server: Server, tls: boolean): string {
  const { address, port } = server.address() as AddressInfo;
  const everywhere = address === '0.0.0.0' || address === '::';
  const host = everywhere || address === '127.0.0.1' || address === '::1' ? 'localhost' : address;
  return `${tls ? 'https' : 'http'}://${host.includes(':') ? `[${host}]` : host}:${port}`;
}
