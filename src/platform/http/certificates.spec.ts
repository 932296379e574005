import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, type ConnectionOptions } from 'node:tls';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parseSettings, type Settings } from '../settings/settings.js';
import { PAIRS } from './certificates.fixture.js';
import { CertificateWatch, readCertificate } from './certificates.js';
import { quietFor, waitFor } from '../../../test/support/wait-for.js';

let folder: string;
let settings: Settings;
let server: Server;
let certificates: CertificateWatch;

const pem = (what: string, text: string): string => `-----BEGIN ${what}-----\n${text}\n-----END ${what}-----\n`;

/**
 * Installs a certificate like a mounted Kubernetes secret: each version is a directory, and a symbolic link points to the
 * current one.
 */
function install(version: string, certificate: keyof typeof PAIRS, key: keyof typeof PAIRS = certificate): void {
  mkdirSync(join(folder, version));
  writeFileSync(join(folder, version, 'tls.crt'), pem('CERTIFICATE', PAIRS[certificate].certificate));
  writeFileSync(join(folder, version, 'tls.key'), pem('PRIVATE KEY', PAIRS[key].key));
  symlinkSync(version, join(folder, 'next'));
  renameSync(join(folder, 'next'), join(folder, 'current'));
}

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'certificates-'));
  install('v1', 'one');
  for (const name of ['tls.crt', 'tls.key']) symlinkSync(`current/${name}`, join(folder, name));
  settings = parseSettings({ TLS_CERT: join(folder, 'tls.crt'), TLS_KEY: join(folder, 'tls.key') });
  server = createServer({ ...readCertificate(settings) }, (_, response) => response.end());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  certificates = new CertificateWatch(server, settings);
  certificates.start();
});
afterEach(async () => {
  certificates.stop();
  await new Promise<unknown>((resolve) => server.close(resolve));
  rmSync(folder, { recursive: true });
});

/** Returns the common name of the certificate that a new connection receives, or the error's code. */
const shown = (options: ConnectionOptions = {}): Promise<string> =>
  new Promise((resolve) => {
    const { port } = server.address() as AddressInfo;
    const socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false, ...options }, () => {
      resolve(String(socket.getPeerCertificate().subject.CN));
      socket.destroy();
    });
    socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
  });

describe('the TLS certificate', () => {
  it('is shown to clients with TLS 1.3 and not to clients with TLS 1.2', async () => {
    expect(await shown({ minVersion: 'TLSv1.3' })).toBe('one.example');
    expect(await shown({ maxVersion: 'TLSv1.2' })).toMatch(/PROTOCOL_VERSION|ECONNRESET/);
  });

  it('is shown to clients with fast groups of key exchange only, of which each client has one', async () => {
    const groups = ['X25519MLKEM768', 'X25519', 'P-256', 'P-384:P-256', 'P-384', 'P-521', 'X448', 'ffdhe3072'];
    const answers = await Promise.all(groups.map((ecdhCurve) => shown({ minVersion: 'TLSv1.3', ecdhCurve })));
    expect(answers.slice(0, 4)).toEqual(Array(4).fill('one.example'));
    for (const answer of answers.slice(4)) expect(answer).toMatch(/HANDSHAKE_FAILURE|ECONNRESET/);
  });

  it('is replaced soon after its files change, and only if the new files match each other', async () => {
    install('v2', 'two', 'one');
    await quietFor(600);
    expect(await shown()).toBe('one.example');
    install('v3', 'two');
    await waitFor(async () => (await shown()) === 'two.example', { timeoutMs: 5_000, everyMs: 50 });
    rmSync(join(folder, 'current'));
    certificates.reload();
    expect(await shown()).toBe('two.example');
  });

  it('prevents the start of the server if its key does not match', () => {
    install('v2', 'two', 'one');
    expect(() => readCertificate(settings)).toThrow(/^TLS_CERT=.* and TLS_KEY=.*: expected .*key values mismatch/i);
  });
});
