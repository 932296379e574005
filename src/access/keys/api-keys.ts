import { createHash } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import { Clock } from '../../platform/clock/clock.js';
import { DomainError } from '../../platform/errors/domain-error.js';
import type { Limits, Role, Tier, Transport } from '../caller.js';
import type { Actor } from '../audit/audit.js';
import { ApiKeyEntity } from './api-key.entity.js';
import { formatApiKey, hashSecret, isKeyId, newApiKey } from '../api-key-text.js';
import { KeyChanges } from './key-changes.js';
import { UserEntity } from './user.entity.js';

/** Changeable fields of a key. */
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

/** New key; `text` is the complete key, which is shown only once. */
export interface CreatedKey {
  key: ApiKeyEntity;
  text: string;
}

export interface Creation {
  /** Actor who creates the key, as in the audit trail. */
  actor: Actor;
  /** Idempotency-Key of the client. */
  idempotencyKey?: string;
}

/** Creates, changes and revokes keys. Keys that ended long ago are deleted by `AccessRetention`. */
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
    if (key.revokedAt !== null) throw new DomainError('conflict', 'The key has been revoked; create another key.');
    if (Object.keys(rights).length > 0) await this.source.getRepository(ApiKeyEntity).update({ id }, rights);
    this.changes.changed(id);
    return this.get(id);
  }

  /** Revokes the key permanently. A repeated call has no effect. */
  async revoke(id: string): Promise<void> {
    const key = await this.get(id);
    if (key.revokedAt === null) {
      await this.source.getRepository(ApiKeyEntity).update({ id }, { revokedAt: new Date(this.clock.now()) });
    }
    this.changes.changed(id);
  }

  /**
   * Creates a key with the same owner and rights. The old key stays valid for `overlapSeconds`, but not beyond its own
   * expiry; with 0 it is revoked immediately.
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
      throw new DomainError('conflict', 'The key was revoked or rotated, or has expired; create another key.');
    }
  }

  /** Creates a key in one transaction, once per Idempotency-Key. */
  private async once(creation: Creation, work: (tx: EntityManager) => Promise<CreatedKey>): Promise<CreatedKey> {
    await this.refuseRepeated(creation);
    try {
      return await this.source.transaction(work);
    } catch (error) {
      // The transaction may have failed because another process created the key with the same Idempotency-Key.
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
        `This Idempotency-Key created the key ${earlier.id}, which cannot be shown again; rotate that key, or use another Idempotency-Key.`,
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
