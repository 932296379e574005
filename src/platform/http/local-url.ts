import type { AddressInfo, Server } from 'node:net';

/** Returns the URL at which the server's own machine can reach it. */
export function localUrl(server: Server, tls: boolean): string {
  const { address, port } = server.address() as AddressInfo;
  const everywhere = address === '0.0.0.0' || address === '::';
  const host = everywhere || address === '127.0.0.1' || address === '::1' ? 'localhost' : address;
  return `${tls ? 'https' : 'http'}://${host.includes(':') ? `[${host}]` : host}:${port}`;
}
