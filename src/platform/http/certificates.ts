import { createHash } from 'node:crypto';
import { readFileSync, watch, type FSWatcher } from 'node:fs';
import { dirname } from 'node:path';
import { createSecureContext, Server as TlsServer, type SecureContextOptions } from 'node:tls';
import { Logger } from '@nestjs/common';
import type { Settings } from '../settings/settings.js';
import { handshakes } from './connections/address-turns.js';

/** Time within which several file changes cause one reload, ms: certificate and key are written one after the other. */
const SETTLE_DELAY_MS = 250;

/** Time for a TLS handshake, ms. */
const HANDSHAKE_TIMEOUT_MS = 10_000;

/**
 * Groups of key exchange: each client has one of them, and they cost 0.1 to 0.3 ms. Others that OpenSSL has, such as P-521 and
 * ffdhe3072, cost up to 4 ms, and a client would choose.
 */
const GROUPS = 'X25519MLKEM768:X25519:P-256';

interface Certificate extends SecureContextOptions {
  readonly cert: Buffer;
  readonly key: Buffer;
  readonly handshakeTimeout: number;
}

/**
 * Reads the certificate and key that the settings name; undefined if TLS is not configured. Throws if the two do not match.
 */
export function readCertificate({ tlsCert, tlsKey }: Settings): Certificate | undefined {
  if (tlsCert === undefined || tlsKey === undefined) return undefined;
  const certificate: Certificate = {
    cert: readFileSync(tlsCert),
    key: readFileSync(tlsKey),
    minVersion: 'TLSv1.3',
    ecdhCurve: GROUPS,
    handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
  };
  try {
    createSecureContext(certificate);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new Error(
      `TLS_CERT=${tlsCert} and TLS_KEY=${tlsKey}: expected a certificate and its private key in PEM form (${reason})`,
      { cause },
    );
  }
  return certificate;
}

/**
 * Keeps the certificate of a listening server up to date: new connections receive the certificate in the files. Watches the
 * directories of the files, because files are replaced rather than changed, and a mounted secret is a link to a directory
 * that is replaced. If certificate and key do not match, the previous pair stays in use and an error is logged.
 */
export class CertificateWatch {
  private readonly logger = new Logger('TLS');
  private readonly watchers: FSWatcher[] = [];
  private timer: NodeJS.Timeout | undefined;
  private used: string | undefined;

  constructor(
    private readonly server: unknown,
    private readonly settings: Settings,
  ) {}

  start(): void {
    const { tlsCert, tlsKey } = this.settings;
    if (tlsCert === undefined || tlsKey === undefined) return;
    const certificate = readCertificate(this.settings);
    if (certificate !== undefined) handshakes.signWith(certificate.key);
    this.used = digestOf(certificate);
    for (const directory of new Set([dirname(tlsCert), dirname(tlsKey)])) {
      const watcher = watch(directory, { persistent: false }, () => this.soon());
      watcher.on('error', (error) =>
        this.logger.warn({ err: error, directory }, 'certificate directory is no longer watched'),
      );
      this.watchers.push(watcher);
    }
  }

  stop(): void {
    clearTimeout(this.timer);
    for (const watcher of this.watchers.splice(0)) watcher.close();
  }

  /** Reads the files now and uses the new pair, if it is valid. */
  reload(): void {
    if (!(this.server instanceof TlsServer)) return;
    try {
      const certificate = readCertificate(this.settings);
      const digest = digestOf(certificate);
      if (certificate === undefined || digest === this.used) return;
      handshakes.signWith(certificate.key);
      this.server.setSecureContext(certificate);
      this.used = digest;
      this.logger.log({ file: this.settings.tlsCert }, 'new certificate in use');
    } catch (error) {
      this.logger.error(
        { err: error, file: this.settings.tlsCert },
        'new certificate is invalid; the old one stays in use',
      );
    }
  }

  private soon(): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.reload(), SETTLE_DELAY_MS).unref();
  }
}

function digestOf(certificate: Certificate | undefined): string | undefined {
  if (certificate === undefined) return undefined;
  return createHash('sha256').update(certificate.cert).update('\0').update(certificate.key).digest('base64');
}
