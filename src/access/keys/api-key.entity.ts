import { Column, Entity, PrimaryColumn } from 'typeorm';
import type { Limits, Role, Tier, Transport } from '../caller.js';

/** API key. Of its secret only a hash is stored. */
@Entity('api_keys')
export class ApiKeyEntity {
  @PrimaryColumn({ type: 'text' })
  id!: string;

  /** Order of creation, used for paging. */
  @Column({ type: 'bigint', insert: false, update: false })
  position!: number;

  @Column({ name: 'secret_hash', type: 'bytea', update: false })
  secretHash!: Buffer;

  @Column({ name: 'user_id', type: 'text', update: false })
  userId!: string;

  @Column({ type: 'text' })
  name!: string;

  @Column({ type: 'text' })
  role!: Role;

  @Column({ type: 'text' })
  tier!: Tier;

  @Column({ name: 'subscription_types', type: 'text', array: true, nullable: true })
  subscriptionTypes!: string[] | null;

  @Column({ type: 'text', array: true, nullable: true })
  transports!: Transport[] | null;

  /** Limits that replace those of the key's tier. */
  @Column({ type: 'jsonb' })
  limits!: Partial<Limits>;

  @Column({ name: 'created_at', type: 'timestamptz', insert: false, update: false })
  createdAt!: Date;

  @Column({ name: 'created_by', type: 'text', update: false })
  createdBy!: string;

  @Column({ name: 'expires_at', type: 'timestamptz', nullable: true })
  expiresAt!: Date | null;

  @Column({ name: 'revoked_at', type: 'timestamptz', nullable: true })
  revokedAt!: Date | null;

  /** Id of the key that replaced this key; that key may have been deleted since. */
  @Column({ name: 'rotated_to', type: 'text', nullable: true })
  rotatedTo!: string | null;

  /** Hash of actor and Idempotency-Key, so that a repeated request cannot create a second key. */
  @Column({ name: 'creation_hash', type: 'bytea', update: false, nullable: true, select: false })
  creationHash!: Buffer | null;
}
