import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { Repository } from 'typeorm';
import { Clock } from '../../platform/clock/clock.js';
import { timeGiven } from '../../platform/input/time.js';
import { inputFault } from '../../platform/input/faults.js';
import type { Caller, Limits } from '../caller.js';
import { ApiKeyEntity } from '../keys/api-key.entity.js';
import { ApiKeys, type CreatedKey, type Creation, type KeyRights } from '../keys/api-keys.js';
import { actorOf } from '../audit/audit.js';
import type {
  ChangeKeyBody,
  CreatedKeyView,
  CreateKeyBody,
  KeyLimits,
  KeyState,
  KeyView,
  ListKeysQuery,
  RotateKeyBody,
} from './api-key.dto.js';
import { RecentAnswers } from './recent-answers.js';
import { pageOf, type Paged } from '../../platform/http/paging/page.js';
import { decodeNumber } from '../../platform/http/paging/list-cursor.js';
import { bodyHash } from '../../platform/input/idempotency.js';

const STATE_SQL: Record<KeyState, string> = {
  active: 'k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > :now)',
  expired: 'k.revoked_at IS NULL AND k.expires_at <= :now',
  revoked: 'k.revoked_at IS NOT NULL',
};

/** Administration of API keys: creating, rotating, listing, changing and revoking. */
@Injectable()
export class ApiKeyAdmin {
  private readonly recent = new RecentAnswers<CreatedKeyView>();

  constructor(
    private readonly apiKeys: ApiKeys,
    @InjectRepository(ApiKeyEntity) private readonly keys: Repository<ApiKeyEntity>,
    private readonly clock: Clock,
  ) {}

  create(body: CreateKeyBody, caller: Caller, idempotencyKey: string | undefined): Promise<CreatedKeyView> {
    const { userId, ...given } = body;
    const defaults = { name: '', role: 'reader', tier: 'free', expiresAt: null } as const;
    const rights = { ...defaults, subscriptionTypes: null, transports: null, limits: {}, ...this.rightsOf(given) };
    const creation = creationOf(caller, 'create', idempotencyKey);
    return this.once(creation, body, () => this.apiKeys.create({ ...rights, userId }, creation));
  }

  rotate(id: string, body: RotateKeyBody, caller: Caller, idempotencyKey?: string): Promise<CreatedKeyView> {
    const creation = creationOf(caller, `rotate ${id}`, idempotencyKey);
    return this.once(creation, body, () => this.apiKeys.rotate(id, body.overlapSeconds ?? 0, creation));
  }

  async list(query: ListKeysQuery): Promise<Paged<KeyView>> {
    const { limit, cursor, ...filters } = query;
    const { userId, role, tier, state } = filters;
    const scope = ['api-keys', filters];
    const before = decodeNumber(scope, cursor);
    const rows = this.keys
      .createQueryBuilder('k')
      .orderBy('k.position', 'DESC')
      .take(limit + 1);
    if (before !== null) rows.andWhere('k.position < :before', { before });
    if (userId !== undefined) rows.andWhere('k.user_id = :userId', { userId });
    if (role !== undefined) rows.andWhere('k.role = :role', { role });
    if (tier !== undefined) rows.andWhere('k.tier = :tier', { tier });
    if (state !== undefined) rows.andWhere(STATE_SQL[state], { now: new Date(this.clock.now()) });
    return pageOf(await rows.getMany(), { scope, limit, position: (key) => key.position }, (key) => this.view(key));
  }

  async get(id: string): Promise<KeyView> {
    return this.view(await this.apiKeys.get(id));
  }

  async change(id: string, body: ChangeKeyBody): Promise<KeyView> {
    return this.view(await this.apiKeys.change(id, this.rightsOf(body)));
  }

  revoke(id: string): Promise<void> {
    return this.apiKeys.revoke(id);
  }

  private once(creation: Creation, body: object, make: () => Promise<CreatedKey>): Promise<CreatedKeyView> {
    const answer = async (): Promise<CreatedKeyView> => {
      const { key, text } = await make();
      return Object.assign(this.view(key), { key: text });
    };
    if (creation.idempotencyKey === undefined) return answer();
    const name = JSON.stringify([creation.actor, creation.idempotencyKey]);
    return this.recent.once(name, bodyHash(body), answer);
  }

  private rightsOf({ expiresAt, limits, ...rest }: ChangeKeyBody): Partial<KeyRights> {
    const end = typeof expiresAt === 'string' ? timeGiven(expiresAt, this.clock.now()) : expiresAt;
    if (end instanceof Date && !(end.getTime() > this.clock.now())) {
      throw inputFault('invalid_request', '/expiresAt', 'in_past', 'expiresAt must be in the future.');
    }
    return { ...rest, ...(end === undefined ? {} : { expiresAt: end }), ...(limits && { limits: plain(limits) }) };
  }

  private view(key: ApiKeyEntity): KeyView {
    const { id, userId, name, role, tier, subscriptionTypes, transports, limits, createdBy, rotatedTo } = key;
    return {
      id,
      userId,
      name,
      role,
      tier,
      state: this.stateOf(key),
      subscriptionTypes,
      transports,
      limits,
      createdAt: key.createdAt.toISOString(),
      createdBy,
      expiresAt: key.expiresAt?.toISOString() ?? null,
      revokedAt: key.revokedAt?.toISOString() ?? null,
      rotatedTo,
    };
  }

  private stateOf(key: ApiKeyEntity): KeyState {
    if (key.revokedAt !== null) return 'revoked';
    return key.expiresAt !== null && key.expiresAt.getTime() <= this.clock.now() ? 'expired' : 'active';
  }
}

/** Returns the limits as a plain object without absent fields: the DTO class has all fields. */
function plain(limits: KeyLimits): Partial<Limits> {
  return Object.fromEntries(Object.entries(limits));
}

/**
 * Returns the creation for a request. The route is part of its idempotency key, so that the same Idempotency-Key can be used
 * on another route.
 */
function creationOf(caller: Caller, route: string, idempotencyKey: string | undefined): Creation {
  const actor = actorOf(caller);
  return idempotencyKey === undefined ? { actor } : { actor, idempotencyKey: `${route} ${idempotencyKey}` };
}
