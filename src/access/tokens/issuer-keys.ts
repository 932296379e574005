import { Logger } from '@nestjs/common';
import { createRemoteJWKSet, type RemoteJWKSet } from 'jose';

/**
 * Shortest time between two requests for the key set because of an unknown key id, ms. A newly issued key may be refused for
 * this long.
 */
const MIN_REQUEST_INTERVAL_MS = 5_000;
/**
 * Age after which the key set is fetched again in the background, ms. A key that the issuer has withdrawn is refused after
 * that.
 */
const REFRESH_INTERVAL_MS = 600_000;
/** Longest use of the last fetched key set while the issuer is unavailable, ms; after that its tokens are refused. */
const MAX_KEY_SET_AGE_MS = 86_400_000;
const FETCH_TIMEOUT_MS = 5_000;

/** Public keys of a token issuer, fetched from JWKS_URL. */
export class IssuerKeys {
  private readonly logger = new Logger(IssuerKeys.name);
  private readonly keys: RemoteJWKSet;
  private readAt: number | undefined;

  constructor(address: string) {
    const url = new URL(address);
    // Moved to a header, because `fetch` refuses user and password in a URL.
    const login = [url.username, url.password].map(decodeURIComponent).join(':');
    url.username = url.password = '';
    this.keys = createRemoteJWKSet(url, {
      timeoutDuration: FETCH_TIMEOUT_MS,
      cooldownDuration: MIN_REQUEST_INTERVAL_MS,
      cacheMaxAge: MAX_KEY_SET_AGE_MS,
      ...(login !== ':' && { headers: { authorization: `Basic ${Buffer.from(login).toString('base64')}` } }),
    });
  }

  /** Last fetched keys. They are fetched at the first use, and again in the background. */
  get known(): RemoteJWKSet {
    const now = performance.now();
    this.readAt ??= now;
    if (now - this.readAt > REFRESH_INTERVAL_MS) {
      this.readAt = now;
      this.keys
        .reload()
        .catch((err: unknown) => this.logger.warn({ err }, 'key set of the token issuer could not be refreshed'));
    }
    return this.keys;
  }
}
