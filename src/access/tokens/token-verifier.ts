import { createHash } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import {
  createRemoteJWKSet,
  decodeProtectedHeader,
  errors,
  jwtVerify,
  type JWTPayload,
  type JWTVerifyOptions,
  type RemoteJWKSet,
} from 'jose';
import { Clock } from '../../platform/clock/clock.js';
import { DomainError } from '../../platform/errors/domain-error.js';
import { Settings } from '../../platform/settings/settings.js';
import { ROLES, TIERS, type Caller } from '../caller.js';
import { ExpiringCache } from '../keys/expiring-cache.js';
import { TierLimits } from '../limits/tier-limits.js';

/** Clocks of issuer and server may differ by this much. */
const SKEW_SECONDS = 30;
const LONGEST_USER_ID = 255;
/** The end of the year 9999. Issuers that never want to hear of a token again, or that count in milliseconds, name later ones. */
const LATEST_MS = Date.UTC(10_000, 0) - 1;
/** Checked tokens are remembered for this long, so that a busy client costs one signature check every 2 s. */
const REMEMBERED_MS = 2_000;

/** Public keys only verify asymmetric signatures, so a token cannot pass off a public key as a shared secret. */
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

/** Checks signed tokens: HS256 with JWT_SECRET, asymmetric ones with the keys behind JWKS_URL. Nothing else is accepted. */
@Injectable()
export class TokenVerifier {
  private readonly secret: Uint8Array | undefined;
  private readonly keySet: RemoteJWKSet | undefined;
  private readonly checked = new ExpiringCache<string, Caller>(5_000, REMEMBERED_MS);

  constructor(
    settings: Settings,
    private readonly tiers: TierLimits,
    private readonly clock: Clock,
  ) {
    this.secret = settings.jwtSecret === undefined ? undefined : new TextEncoder().encode(settings.jwtSecret);
    this.keySet =
      settings.jwksUrl === undefined
        ? undefined
        : createRemoteJWKSet(new URL(settings.jwksUrl), { timeoutDuration: 5_000, cooldownDuration: 30_000 });
  }

  /** Tokens have three parts between dots; keys have no dots. */
  static looksLikeToken(text: string): boolean {
    return /^[\w-]+\.[\w-]*\.[\w-]*$/.test(text);
  }

  async verify(token: string): Promise<Caller> {
    const digest = createHash('sha256').update(token).digest('base64');
    const now = this.clock.now();
    const known = this.checked.get(digest, now);
    if (known !== undefined) return known;
    const caller = this.callerOf(await this.claimsOf(token));
    this.checked.set(digest, caller, now, caller.expiresAt);
    return caller;
  }

  private async claimsOf(token: string): Promise<JWTPayload> {
    const options: JWTVerifyOptions = {
      clockTolerance: SKEW_SECONDS,
      currentDate: new Date(this.clock.now()),
      requiredClaims: ['exp'],
    };
    try {
      return await this.checkSignature(token, options);
    } catch (error) {
      throw refusalOf(error);
    }
  }

  private async checkSignature(token: string, options: JWTVerifyOptions): Promise<JWTPayload> {
    const alg = algorithmOf(token);
    if (alg === 'HS256' && this.secret !== undefined) {
      return (await jwtVerify(token, this.secret, { ...options, algorithms: ['HS256'] })).payload;
    }
    if (this.keySet !== undefined) {
      return (await jwtVerify(token, this.keySet, { ...options, algorithms: ASYMMETRIC })).payload;
    }
    throw new errors.JOSEAlgNotAllowed('no key for this algorithm');
  }

  private callerOf(claims: JWTPayload): Caller {
    const { userId = claims.sub, role: roleName = 'reader', tier: tierName = 'free', exp = 0 } = claims;
    const role = ROLES.find((name) => name === roleName);
    const tier = TIERS.find((name) => name === tierName);
    if (typeof userId !== 'string' || !isUserId(userId) || role === undefined || tier === undefined) {
      throw invalid('Its claims need userId (or sub), and role and tier must be known ones.');
    }
    const expiresAt = Math.min(exp * 1_000, LATEST_MS);
    return {
      userId,
      keyId: `jwt:${claims.sub ?? userId}`,
      role,
      tier,
      limits: this.tiers.of(tier),
      expiresAt,
      endsAt: expiresAt,
    };
  }
}

function algorithmOf(token: string): string | undefined {
  try {
    return decodeProtectedHeader(token).alg;
  } catch (cause) {
    throw new errors.JWTInvalid('not a token', { cause });
  }
}

function isUserId(text: string): boolean {
  return text.length > 0 && text.length <= LONGEST_USER_ID && /^\P{Cc}+$/u.test(text);
}

function invalid(why: string): DomainError {
  return new DomainError('invalid_api_key', `The token is not valid. ${why}`);
}

/** Faults of the token itself; every other error means that the issuer's key set could not be read. */
const FAULTS_OF_THE_TOKEN = [
  errors.JWTClaimValidationFailed,
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
  if (FAULTS_OF_THE_TOKEN.some((fault) => error instanceof fault)) {
    return invalid('Its signature, algorithm or times do not fit.');
  }
  return new DomainError('unavailable', 'Tokens cannot be checked at the moment.', {
    retryAfterMs: 5_000,
    cause: error,
  });
}
