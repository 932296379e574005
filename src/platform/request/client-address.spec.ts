import type { IncomingMessage } from 'node:http';
import { describe, expect, it } from 'vitest';
import { clientAddress } from './client-address.js';

function request(remoteAddress: string | undefined, forwarded?: string | string[]): IncomingMessage {
  const headers = forwarded === undefined ? {} : { 'x-forwarded-for': forwarded };
  return { socket: { remoteAddress }, headers } as unknown as IncomingMessage;
}

describe('`clientAddress`', () => {
  it('ignores `X-Forwarded-For` if no proxy is trusted', () => {
    expect(clientAddress(request('10.0.0.1', '1.1.1.1'), 0)).toBe('10.0.0.1');
  });

  it('counts trusted proxies from the right and so ignores addresses forged by the client', () => {
    expect(clientAddress(request('10.0.0.1', 'forged, 1.1.1.1'), 1)).toBe('1.1.1.1');
    expect(clientAddress(request('10.0.0.1', 'forged, 1.1.1.1, 10.0.0.2'), 2)).toBe('1.1.1.1');
    expect(clientAddress(request('10.0.0.1', ['forged', '1.1.1.1']), 1)).toBe('1.1.1.1');
  });

  it('returns the address of the socket if the header is missing, empty or too long', () => {
    expect(clientAddress(request('10.0.0.1'), 1)).toBe('10.0.0.1');
    expect(clientAddress(request('10.0.0.1', ' , '), 1)).toBe('10.0.0.1');
    expect(clientAddress(request('10.0.0.1', 'x'.repeat(9_000)), 1)).toBe('10.0.0.1');
    expect(clientAddress(request(undefined), 0)).toBe('unknown');
  });

  it('returns the same address for every port and notation of one client', () => {
    for (const hop of ['9.9.9.3:1000', '9.9.9.3:65535', '9.9.9.3', '::ffff:9.9.9.3', '[::ffff:9.9.9.3]:7']) {
      expect(clientAddress(request('10.0.0.1', hop), 1)).toBe('9.9.9.3');
    }
    for (const hop of ['[2001:db8::1]:1000', '[2001:db8::1]', '2001:db8::1']) {
      expect(clientAddress(request('10.0.0.1', hop), 1)).toBe('2001:db8::1');
    }
    for (const hop of ['unknown', '_hidden:80', '9.9.9.3:', '[', 'x'.repeat(100)]) {
      expect(clientAddress(request('10.0.0.1', hop), 1)).toBe('10.0.0.1');
    }
  });

  it('removes the `::ffff:` prefix of IPv4 addresses on dual-stack sockets', () => {
    expect(clientAddress(request('::ffff:10.0.0.1'), 0)).toBe('10.0.0.1');
    expect(clientAddress(request('2001:db8::1'), 0)).toBe('2001:db8::1');
  });
});
