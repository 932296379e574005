import { createHash } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { decodeProtectedHeader, errors, jwtVerify, type JWTPayload, type JWTVerifyOptions } from 'jose';
import { LRUCache } from 'lru-cache';
import { Clock } from '../../platform/clock/clock.js';
import { DomainError } from '../../platform/errors/domain-error.js';
import type { JwtClaims } from '../../platform/settings/setting.js';
import { Settings } from '../../platform/settings/settings.js';
import { ROLES, TIERS, type Caller } from '../caller.js';
import { isBlank, isPlainText } from '../../platform/input/text.js';
import { TierLimits } from '../limits/tier-limits.js';
import { IssuerKeys } from './issuer-keys.js';

/** Tolerated difference between the clocks of the issuer and this server, seconds. */
const MAX_CLOCK_SKEW_SECONDS = 30;
const MAX_USER_ID_LENGTH = 255;
/**
 * End of the year 9999, Unix milliseconds; later expiries are cut to this time. Issuers set such times for tokens that never
 * expire, or because they count in milliseconds.
 */
const MAX_EXPIRY_UNIX_MS = Date.UTC(10_000, 0) - 1;
/** Time for which a verified token is cached, ms, so that a busy client costs one signature check every 2 s. */
const TOKEN_TTL_MS = 2_000;

const DEFAULT_CLAIMS: JwtClaims = { userId: 'userId', tier: 'tier', role: 'role' };

/**
 * Algorithms accepted for keys of JWKS_URL. HMAC is not among them: an attacker could otherwise sign a token with the public
 * key as the shared secret.
 */
const ASYMMETRIC = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
  'Ed25519',
];

/**
 * Verifies signed tokens: HS256 with JWT_SECRET, asymmetric algorithms with the keys of JWKS_URL. Tokens of other algorithms
 * are refused.
 */
@Injectable()
export class TokenVerifier {
  private readonly secret: Uint8Array | undefined;
  private readonly issuer: IssuerKeys | undefined;
  private readonly expected: Pick<JWTVerifyOptions, 'issuer' | 'audience'>;
  private readonly claims: JwtClaims;
  /**
   * Whether role and tier are taken from tokens of the key set. Only if JWT_CLAIMS is set: in a shared identity provider,
   * anyone may hold a token with such claims.
   */
  private readonly keySetGrants: boolean;
  private readonly checked = new LRUCache<string, Caller>({ max: 5_000, ttl: TOKEN_TTL_MS });

  constructor(
    settings: Settings,
    private readonly tiers: TierLimits,
    private readonly clock: Clock,
  ) {
    this.secret = settings.jwtSecret === undefined ? undefined : new TextEncoder().encode(settings.jwtSecret);
    this.expected = {
      ...(settings.jwtIssuer !== undefined && { issuer: settings.jwtIssuer }),
      ...(settings.jwtAudience !== undefined && { audience: settings.jwtAudience }),
    };
    this.claims = settings.jwtClaims ?? DEFAULT_CLAIMS;
    this.keySetGrants = settings.jwtClaims !== undefined;
    this.issuer = settings.jwksUrl === undefined ? undefined : new IssuerKeys(settings.jwksUrl);
  }

  /** Whether a text has the format of a token: three parts separated by dots. Keys contain no dots. */
  static looksLikeToken(text: string): boolean {
    return /^[\w-]+\.[\w-]*\.[\w-]*$/.test(text);
  }

  async verify(token: string): Promise<Caller> {
    const digest = createHash('sha256').update(token).digest('base64');
    const now = this.clock.now();
    const known = this.checked.get(digest);
    if (known !== undefined && (known.endsAt ?? Infinity) > now) return known;
    const caller = this.callerOf(await this.signed(token), now);
    this.checked.set(digest, caller);
    return caller;
  }

  private async signed(token: string): Promise<SignedClaims> {
    const options: JWTVerifyOptions = {
      ...this.expected,
      clockTolerance: MAX_CLOCK_SKEW_SECONDS,
      currentDate: new Date(this.clock.now()),
      requiredClaims: ['exp'],
    };
    try {
      return await this.checkSignature(token, options);
    } catch (error) {
      throw refusalOf(error);
    }
  }

  private async checkSignature(token: string, options: JWTVerifyOptions): Promise<SignedClaims> {
    const alg = algorithmOf(token);
    if (alg === 'HS256' && this.secret !== undefined) {
      const { payload } = await jwtVerify(token, this.secret, { ...options, algorithms: ['HS256'] });
      return { payload, grants: true };
    }
    if (this.issuer !== undefined) {
      const { payload } = await jwtVerify(token, this.issuer.known, { ...options, algorithms: ASYMMETRIC });
      return { payload, grants: this.keySetGrants };
    }
    throw new errors.JOSEAlgNotAllowed('no key for this algorithm');
  }

  private callerOf({ payload, grants }: SignedClaims, now: number): Caller {
    const userId = payload[this.claims.userId] ?? payload.sub;
    const subject = payload.sub ?? userId;
    const role = grants ? nameIn(ROLES, payload[this.claims.role], 'reader') : 'reader';
    const tier = grants ? nameIn(TIERS, payload[this.claims.tier], 'free') : 'free';
    if (!isUserId(userId) || !isUserId(subject) || role === undefined || tier === undefined) {
      throw invalid(
        `The claim ${this.claims.userId} (or sub) must be plain text, and role and tier must be names that this server knows.`,
      );
    }
    const expiresAt = Math.min((payload.exp ?? 0) * 1_000, MAX_EXPIRY_UNIX_MS);
    // A token may be accepted shortly after its expiry, because clocks differ. Its connection then ends when the token would
    // no longer be accepted.
    const endsAt = expiresAt > now ? expiresAt : expiresAt + MAX_CLOCK_SKEW_SECONDS * 1_000;
    return { userId, keyId: `jwt:${subject}`, role, tier, limits: this.tiers.of(tier), expiresAt, endsAt };
  }
}

interface SignedClaims {
  payload: JWTPayload;
  /** Whether role and tier are taken from the token. */
  grants: boolean;
}

/** Returns the given name if it is in `names`, `fallback` if none is given, and undefined if it is not in `names`. */
function nameIn<T extends string>(names: readonly T[], given: unknown, fallback: T): T | undefined {
  return given === undefined ? fallback : names.find((name) => name === given);
}

function algorithmOf(token: string): string | undefined {
  try {
    return decodeProtectedHeader(token).alg;
  } catch (cause) {
    throw new errors.JWTInvalid('not a token', { cause });
  }
}

function isUserId(text: unknown): text is string {
  return typeof text === 'string' && isPlainText(text, MAX_USER_ID_LENGTH) && !isBlank(text);
}

function invalid(why: string): DomainError {
  return new DomainError('invalid_api_key', `The token is not valid. ${why}`);
}

/** Errors that mean a fault of the token; any other error means that the issuer's key set could not be fetched. */
const FAULTS_OF_THE_TOKEN = [
  errors.JWTInvalid,
  errors.JWSInvalid,
  errors.JWSSignatureVerificationFailed,
  errors.JOSEAlgNotAllowed,
  errors.JOSENotSupported,
  errors.JWKSNoMatchingKey,
  errors.JWKSMultipleMatchingKeys,
];

function refusalOf(error: unknown): DomainError {
  if (error instanceof errors.JWTExpired) return new DomainError('api_key_expired', 'The token has expired.');
  if (error instanceof errors.JWTClaimValidationFailed) {
    return invalid(`The claim ${error.claim} is missing or does not have the value that this server requires.`);
  }
  if (FAULTS_OF_THE_TOKEN.some((fault) => error instanceof fault)) {
    return invalid('Its format, key or signature is not valid.');
  }
  return new DomainError('unavailable', 'Tokens cannot be checked at the moment.', {
    retryAfterMs: 5_000,
    cause: error,
  });
}
