import { importPKCS8, SignJWT } from 'jose';
import { request } from 'undici';
import { headOf } from '../../egress/head-of.js';
import { failureOutcome } from '../http-outcome.js';
import type { ServiceAccount } from './service-account.js';

const SCOPE = 'https://www.googleapis.com/auth/firebase.messaging';
const GRANT = 'urn:ietf:params:oauth:grant-type:jwt-bearer';
const TOKEN_LIFETIME_SECONDS = 3_600;
/** Time before its expiry at which a token is renewed, ms, so that it does not expire during a request. */
const RENEWAL_MARGIN_MS = 60_000;
const TOKEN_TIMEOUT_MS = 10_000;

/** Access tokens of a service account: the current token is shared, and one request serves all waiting callers. */
export class GoogleAccess {
  private token: { text: string; until: number } | undefined;
  private asking: Promise<string> | undefined;

  constructor(private readonly account: ServiceAccount) {}

  async accessToken(now: number): Promise<string> {
    if (this.token !== undefined && this.token.until > now) return this.token.text;
    this.asking ??= this.ask(now).finally(() => (this.asking = undefined));
    return this.asking;
  }

  /** Drops a refused token; the next call fetches a new one. */
  forget(): void {
    this.token = undefined;
  }

  private async ask(now: number): Promise<string> {
    const { clientEmail, tokenUri, privateKey } = this.account;
    const issuedAt = Math.floor(now / 1_000);
    const assertion = await new SignJWT({ scope: SCOPE })
      .setProtectedHeader({ alg: 'RS256', typ: 'JWT' })
      .setIssuer(clientEmail)
      .setAudience(tokenUri)
      .setIssuedAt(issuedAt)
      .setExpirationTime(issuedAt + TOKEN_LIFETIME_SECONDS)
      .sign(await importPKCS8(privateKey, 'RS256'));
    const answer = await request(tokenUri, {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: new URLSearchParams({ grant_type: GRANT, assertion }).toString(),
      signal: AbortSignal.timeout(TOKEN_TIMEOUT_MS),
    }).catch((error: unknown) => {
      // Named, because the message itself was not sent: its receiver cannot have it.
      const { detail = 'no answer' } = failureOutcome(error);
      throw new Error(`no access token from ${new URL(tokenUri).host}: ${detail}`, { cause: error });
    });
    const granted = grantOf(await headOf(answer, TOKEN_TIMEOUT_MS));
    if (answer.statusCode !== 200 || granted.access_token === undefined) {
      throw new Error(`no access token: ${answer.statusCode} ${granted.error ?? ''}`.trim());
    }
    this.token = { text: granted.access_token, until: now + (granted.expires_in ?? 0) * 1_000 - RENEWAL_MARGIN_MS };
    return granted.access_token;
  }
}

interface Grant {
  access_token?: string;
  expires_in?: number;
  error?: string;
}

/** Returns the grant of an answer; what is no JSON, such as the page of a proxy, is none. */
function grantOf(text: string): Grant {
  try {
    return Object(JSON.parse(text)) as Grant;
  } catch {
    return { error: 'with an answer that is not JSON' };
  }
}
