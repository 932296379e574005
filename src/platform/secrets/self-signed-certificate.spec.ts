import { X509Certificate, createPrivateKey } from 'node:crypto';
import { createServer } from 'node:https';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { connect } from 'node:tls';
import { expect, it } from 'vitest';
import { selfSignedCertificate } from './self-signed-certificate.js';

const FROM = new Date('2026-01-01T00:00:00Z');
const TO = new Date('2126-02-03T04:05:06Z');

it('a self-signed certificate names its hosts and addresses, its time, and the key that signed it', () => {
  const { certificate, key } = selfSignedCertificate(['localhost', '127.0.0.1'], FROM, TO);
  const read = new X509Certificate(certificate);
  expect([read.subject, read.issuer, read.subjectAltName]).toEqual([
    'CN=localhost',
    'CN=localhost',
    'DNS:localhost, IP Address:127.0.0.1',
  ]);
  expect([read.validFromDate, read.validToDate]).toEqual([FROM, TO]);
  expect(read.verify(read.publicKey)).toBe(true);
  expect(read.checkPrivateKey(createPrivateKey(key))).toBe(true);
});

it('a client that trusts a self-signed certificate accepts its server under its names only', async () => {
  const long = `${'x'.repeat(60)}.${'y'.repeat(60)}.${'z'.repeat(60)}.example`;
  const { certificate, key } = selfSignedCertificate(['localhost', '127.0.0.1', long], FROM, TO);
  const server = createServer({ cert: certificate, key }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const reach = (servername: string): Promise<string> =>
    new Promise((resolve) => {
      const socket = connect({ port, host: '127.0.0.1', servername, ca: certificate }, () => resolve('trusted'));
      socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
      socket.unref();
    });
  expect(await Promise.all(['localhost', long, 'other.example'].map(reach))).toEqual([
    'trusted',
    'trusted',
    'ERR_TLS_CERT_ALTNAME_INVALID',
  ]);
  server.closeAllConnections();
  server.close();
});
