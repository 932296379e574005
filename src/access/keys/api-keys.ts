import { createHash } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import { Clock } from '../../platform/clock/clock.js';
import { DomainError } from '../../platform/errors/domain-error.js';
import type { Limits, Role, Tier, Transport } from '../caller.js';
import type { Actor } from '../audit/audit.js';
import { ApiKeyEntity } from './api-key.entity.js';
import { formatApiKey, hashSecret, isKeyId, newApiKey } from './api-key-text.js';
import { KeyChanges } from './key-changes.js';
import { UserEntity } from './user.entity.js';

/** Rights of a key, and their expiry. */
export interface KeyRights {
  name: string;
  role: Role;
  tier: Tier;
  expiresAt: Date | null;
  subscriptionTypes: string[] | null;
  transports: Transport[] | null;
  limits: Partial<Limits>;
}

export interface NewKey extends KeyRights {
  userId: string;
}

/** New key; `text` is the whole key, which is shown only once. */
export interface CreatedKey {
  key: ApiKeyEntity;
  text: string;
}

export interface Creation {
  /** Actor who creates it, as in the audit trail. */
  actor: Actor;
  /** Idempotency-Key of the client. */
  idempotencyKey?: string;
}

/** Creates, changes and ends keys. The database deletes those that ended long ago. */
@Injectable()
export class ApiKeys {
  constructor(
    private readonly source: DataSource,
    private readonly clock: Clock,
    private readonly changes: KeyChanges,
  ) {}

  async create(wanted: NewKey, creation: Creation): Promise<CreatedKey> {
    return this.once(creation, async (manager) => {
      await manager.createQueryBuilder().insert().into(UserEntity).values({ id: wanted.userId }).orIgnore().execute();
      return insertKey(manager, wanted, creation);
    });
  }

  async get(id: string): Promise<ApiKeyEntity> {
    const key = isKeyId(id) ? await this.source.getRepository(ApiKeyEntity).findOneBy({ id }) : null;
    if (key === null) throw new DomainError('not_found', 'Key not found.');
    return key;
  }

  async change(id: string, rights: Partial<KeyRights>): Promise<ApiKeyEntity> {
    const key = await this.get(id);
    if (key.revokedAt !== null) throw new DomainError('conflict', 'The key has been revoked; create another one.');
    if (Object.keys(rights).length > 0) await this.source.getRepository(ApiKeyEntity).update({ id }, rights);
    this.changes.changed(id);
    return this.get(id);
  }

  /** Ends the key for good. A further call has no effect. */
  async revoke(id: string): Promise<void> {
    const key = await this.get(id);
    if (key.revokedAt === null) {
      await this.source.getRepository(ApiKeyEntity).update({ id }, { revokedAt: new Date(this.clock.now()) });
    }
    this.changes.changed(id);
  }

  /**
   * Makes a key with the same owner and rights. The old one stays valid for `overlapSeconds`, but not beyond its own
   * expiry; with 0 it ends at once.
   */
  async rotate(id: string, overlapSeconds: number, creation: Creation): Promise<CreatedKey> {
    await this.get(id);
    const created = await this.once(creation, async (manager) => {
      const old = await manager.findOneOrFail(ApiKeyEntity, { where: { id }, lock: { mode: 'pessimistic_write' } });
      this.refuseEnded(old);
      const successor = await insertKey(manager, old, creation);
      await manager.update(ApiKeyEntity, { id }, this.endOfRotated(old, overlapSeconds, successor.key.id));
      return successor;
    });
    this.changes.changed(id);
    return created;
  }

  private endOfRotated(old: ApiKeyEntity, overlapSeconds: number, rotatedTo: string): Partial<ApiKeyEntity> {
    const now = this.clock.now();
    if (overlapSeconds === 0) return { rotatedTo, revokedAt: new Date(now) };
    const end = now + overlapSeconds * 1_000;
    return { rotatedTo, expiresAt: new Date(Math.min(old.expiresAt?.getTime() ?? end, end)) };
  }

  private refuseEnded(key: ApiKeyEntity): void {
    const expired = key.expiresAt !== null && key.expiresAt.getTime() <= this.clock.now();
    if (key.revokedAt !== null || key.rotatedTo !== null || expired) {
      throw new DomainError('conflict', 'The key has been revoked or rotated or has expired; create another one.');
    }
  }

  /** Creates a key in one transaction, only once per creation. */
  private async once(creation: Creation, work: (tx: EntityManager) => Promise<CreatedKey>): Promise<CreatedKey> {
    await this.refuseRepeated(creation);
    try {
      return await this.source.transaction(work);
    } catch (error) {
      // Another process may have been faster with the same creation.
      await this.refuseRepeated(creation);
      throw error;
    }
  }

  private async refuseRepeated(creation: Creation): Promise<void> {
    const creationHash = hashOf(creation);
    if (creationHash === null) return;
    const earlier = await this.source.getRepository(ApiKeyEntity).findOneBy({ creationHash });
    if (earlier !== null) {
      throw new DomainError(
        'conflict',
        `This Idempotency-Key made the key ${earlier.id}, which cannot be shown again; rotate it, or use another one.`,
      );
    }
  }
}

async function insertKey(manager: EntityManager, wanted: NewKey, creation: Creation): Promise<CreatedKey> {
  const parts = newApiKey();
  const { userId, name, role, tier, expiresAt, subscriptionTypes, transports, limits } = wanted;
  await manager.insert(ApiKeyEntity, {
    id: parts.id,
    secretHash: hashSecret(parts.secret),
    userId,
    name,
    role,
    tier,
    expiresAt,
    subscriptionTypes,
    transports,
    limits,
    createdBy: creation.actor,
    creationHash: hashOf(creation),
  });
  return { key: await manager.findOneByOrFail(ApiKeyEntity, { id: parts.id }), text: formatApiKey(parts) };
}

function hashOf({ actor, idempotencyKey }: Creation): Buffer | null {
  if (idempotencyKey === undefined) return null;
  return createHash('sha256')
    .update(JSON.stringify([actor, idempotencyKey]))
    .digest();
}
