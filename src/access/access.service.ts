import { Injectable } from '@nestjs/common';
import { Clock } from '../platform/clock/clock.js';
import { DomainError } from '../platform/errors/domain-error.js';
import { Refusals } from './audit/refusals.js';
import type { Caller, Credentials, Transport } from './caller.js';
import { parseApiKey, secretMatches } from './api-key-text.js';
import { Callers } from './keys/callers.js';
import { KeyDirectory } from './keys/key-directory.js';
import { TokenVerifier } from './tokens/token-verifier.js';

/** Longest accepted key or token, characters; longer ones are refused without being parsed. */
const MAX_SECRET_LENGTH = 8_192;
/** Places where a client can send its key, by transport. */
const KEY_PLACES: Readonly<Record<Transport, string>> = {
  rest: 'Authorization: Bearer rta_…',
  sse: 'Authorization: Bearer rta_… or ?apiKey=rta_…',
  websocket: '?apiKey=rta_… or {"type": "authenticate", "apiKey": "rta_…"}',
  socketio: 'auth: { apiKey: "rta_…" }',
};

const REFUSED = ['missing_api_key', 'invalid_api_key', 'api_key_expired', 'forbidden'];

/** Authenticates clients. Keys are cached in memory, so a key costs at most one SQL statement in 2 s. */
@Injectable()
export class AccessService {
  constructor(
    private readonly directory: KeyDirectory,
    private readonly callers: Callers,
    private readonly tokens: TokenVerifier,
    private readonly refusals: Refusals,
    private readonly clock: Clock,
  ) {}

  /**
   * Returns the caller of a key or token. Throws and audits `missing_api_key`, `invalid_api_key`, `api_key_expired`, or
   * `forbidden` if the key does not permit the transport. Throws `unavailable` while the database is unavailable.
   */
  async authenticate(credentials: Credentials): Promise<Caller> {
    const attempt: { keyId?: string } = {};
    try {
      return await this.identify(credentials, attempt);
    } catch (error) {
      if (error instanceof DomainError && REFUSED.includes(error.code)) {
        const { address, transport } = credentials;
        await this.refusals.note({ code: error.code, address, transport, ...attempt });
      }
      throw error;
    }
  }

  private async identify({ secret, transport }: Credentials, attempt: { keyId?: string }): Promise<Caller> {
    if (secret === undefined || secret === '') {
      throw new DomainError('missing_api_key', `API key missing; it must be sent as ${KEY_PLACES[transport]}.`);
    }
    const caller = await this.callerBehind(secret, attempt);
    attempt.keyId = caller.keyId;
    if (caller.transports !== undefined && !caller.transports.includes(transport)) {
      throw new DomainError('forbidden', `This key may not be used over ${transport}.`);
    }
    return caller;
  }

  private callerBehind(secret: string, attempt: { keyId?: string }): Promise<Caller> {
    const isToken = secret.length <= MAX_SECRET_LENGTH && TokenVerifier.looksLikeToken(secret);
    return isToken ? this.tokens.verify(secret) : this.callerOfKey(secret, attempt);
  }

  private async callerOfKey(text: string, attempt: { keyId?: string }): Promise<Caller> {
    const parts = parseApiKey(text);
    const key = parts && (await this.directory.find(parts.id));
    if (!parts || !key || !secretMatches(parts.secret, key.secretHash)) {
      if (key) attempt.keyId = key.id;
      throw new DomainError('invalid_api_key', 'Unknown API key.');
    }
    attempt.keyId = key.id;
    if (key.revokedAt !== null) throw new DomainError('invalid_api_key', 'The key has been revoked.');
    if (key.expiresAt !== null && key.expiresAt.getTime() <= this.clock.now()) {
      throw new DomainError('api_key_expired', `The key expired at ${key.expiresAt.toISOString()}.`);
    }
    return this.callers.of(key);
  }
}
