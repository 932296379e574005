import { Column, CreateDateColumn, Entity, PrimaryColumn, UpdateDateColumn } from 'typeorm';
import type { Channel } from '../core/channels/catalogue.js';

export type TargetStatus = 'pending' | 'active' | 'disabled';

/** Target of a user's messages. What its owner may not see, and the state of its breaker, is not selected by default. */
@Entity('notification_targets')
export class TargetEntity {
  @PrimaryColumn({ type: 'uuid' })
  id!: string;

  @Column({ name: 'user_id', type: 'text', update: false, select: false })
  userId!: string;

  @Column({ type: 'text', update: false })
  channel!: Channel;

  /** Normalised address; of a push target only a name, its token is sealed. */
  @Column({ type: 'text', update: false })
  target!: string;

  /** SHA-256 of the text by which the channel tells targets apart. */
  @Column({ name: 'target_key', type: 'bytea', update: false, select: false })
  targetKey!: Buffer;

  /** Host to which messages go; null for devices: their address is a secret. */
  @Column({ type: 'text', nullable: true, update: false, select: false })
  host!: string | null;

  /** Encrypted token or address. */
  @Column({ type: 'text', nullable: true, select: false })
  sealed!: string | null;

  @Column({ type: 'text' })
  status!: TargetStatus;

  @Column({ name: 'status_reason', type: 'text', nullable: true })
  statusReason!: string | null;

  /** Reply of the mail server about a bounced address. */
  @Column({ name: 'status_detail', type: 'text', nullable: true })
  statusDetail!: string | null;

  @Column({ name: 'status_since', type: 'timestamptz', nullable: true })
  statusSince!: Date | null;

  /** SHA-256 of the token in the confirmation link or challenge. */
  @Column({ name: 'token_hash', type: 'bytea', nullable: true, select: false })
  tokenHash!: Buffer | null;

  @Column({ name: 'token_expires_at', type: 'timestamptz', nullable: true, select: false })
  tokenExpiresAt!: Date | null;

  /** SHA-256 of the id and the code that a hook or a device received. */
  @Column({ name: 'code_hash', type: 'bytea', nullable: true, select: false })
  codeHash!: Buffer | null;

  @Column({ name: 'code_tries', type: 'integer', default: 0, select: false })
  codeTries!: number;

  @Column({ name: 'verification_started_at', type: 'timestamptz', nullable: true, select: false })
  verificationStartedAt!: Date | null;

  @Column({ name: 'verified_at', type: 'timestamptz', nullable: true })
  verifiedAt!: Date | null;

  /** Number of consecutive failed attempts. */
  @Column({ type: 'integer', default: 0 })
  failures!: number;

  @Column({ name: 'first_failure_at', type: 'timestamptz', nullable: true, select: false })
  firstFailureAt!: Date | null;

  @Column({ name: 'warned_at', type: 'timestamptz', nullable: true, select: false })
  warnedAt!: Date | null;

  @Column({ name: 'window_started_at', type: 'timestamptz', nullable: true, select: false })
  windowStartedAt!: Date | null;

  @Column({ name: 'window_calls', type: 'integer', default: 0, select: false })
  windowCalls!: number;

  @Column({ name: 'window_failures', type: 'integer', default: 0, select: false })
  windowFailures!: number;

  @Column({ name: 'breaker_open_until', type: 'timestamptz', nullable: true })
  breakerOpenUntil!: Date | null;

  @Column({ name: 'breaker_trips', type: 'integer', default: 0, select: false })
  breakerTrips!: number;

  @CreateDateColumn({ name: 'created_at', type: 'timestamptz' })
  createdAt!: Date;

  @UpdateDateColumn({ name: 'updated_at', type: 'timestamptz', select: false })
  updatedAt!: Date;
}
