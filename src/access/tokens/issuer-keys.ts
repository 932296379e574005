import { Logger } from '@nestjs/common';
import { createRemoteJWKSet, type RemoteJWKSet } from 'jose';

/** An unknown key id asks the issuer for its key set no earlier than this after the time before; a new key is refused for so long. */
const REST_MS = 5_000;
/** The key set is read again after this long, while the one before is used: a key that was withdrawn is refused from then on. */
const REFRESH_MS = 600_000;
/** An issuer that cannot be reached keeps the holders of its tokens out after this long. */
const KEPT_MS = 86_400_000;
const FETCH_TIMEOUT_MS = 5_000;

/** The public keys of an issuer of tokens, read from its address. */
export class IssuerKeys {
  private readonly logger = new Logger(IssuerKeys.name);
  private readonly keys: RemoteJWKSet;
  private readAt: number | undefined;

  constructor(address: string) {
    const url = new URL(address);
    // A user and password in the address would be refused by the client: they go into a header.
    const login = [url.username, url.password].map(decodeURIComponent).join(':');
    url.username = url.password = '';
    this.keys = createRemoteJWKSet(url, {
      timeoutDuration: FETCH_TIMEOUT_MS,
      cooldownDuration: REST_MS,
      cacheMaxAge: KEPT_MS,
      ...(login !== ':' && { headers: { authorization: `Basic ${Buffer.from(login).toString('base64')}` } }),
    });
  }

  /** The keys as they are known; they are read at the first use, and again in the background. */
  get known(): RemoteJWKSet {
    const now = performance.now();
    this.readAt ??= now;
    if (now - this.readAt > REFRESH_MS) {
      this.readAt = now;
      this.keys.reload().catch((err: unknown) => this.logger.warn({ err }, 'keys of the token issuer not read again'));
    }
    return this.keys;
  }
}
