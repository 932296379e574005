import { ApiProperty } from '@nestjs/swagger';
import { IsInt, Max, Min } from 'class-validator';
import { ROLES, TIERS, TRANSPORTS, type Role, type Tier, type Transport } from '../caller.js';
import { IfGiven } from '../../platform/http/fields.js';
import { KeyLimits } from './api-key.dto.js';

class UsageView {
  /** Open connections of the key. */
  connections!: number;
  /** Client messages in the current minute; null if there is no limit, because they are then not counted. */
  @ApiProperty({ type: Number, nullable: true })
  messages!: number | null;
  /**
   * API requests in the current minute, including this one; null if there is no limit, because they are then not counted.
   */
  @ApiProperty({ type: Number, nullable: true })
  apiRequests!: number | null;
  /** Alert rules of the user, created with any of the user's keys. */
  alertRules!: number;
  /** Stored messages and alerts of the user, from all of the user's keys, bytes. */
  storedBytes!: number;
}

/** Limits of the key and of its user; 0: no limit. */
class MeLimits extends KeyLimits {
  /** Limit of a user's stored messages and alerts, bytes; at the limit messages are not sent. */
  storedBytes!: number;
}

/** Caller of this request. */
export class MeView {
  userId!: string;
  keyId!: string;

  @ApiProperty({ enum: ROLES })
  role!: Role;

  @ApiProperty({ enum: TIERS })
  tier!: Tier;

  /** Time at which the key or token expires; null: never. */
  @ApiProperty({ type: String, nullable: true })
  expiresAt!: string | null;

  @ApiProperty({ type: String, isArray: true, nullable: true })
  subscriptionTypes!: readonly string[] | null;

  @ApiProperty({ enum: TRANSPORTS, isArray: true, nullable: true })
  transports!: readonly Transport[] | null;

  limits!: MeLimits;
  used!: UsageView;
}

/** Longest grace period of a rotated key: 7 days, in minutes. */
const MAX_GRACE_MINUTES = 10_080;
/**
 * Default grace period of a rotated key, minutes. In this time, a client that did not receive the answer can repeat the
 * request with its Idempotency-Key.
 */
export const DEFAULT_GRACE_MINUTES = 10;

export class RotateOwnKeyBody {
  /**
   * Time for which the old key stays valid, minutes. With 0 it ends immediately, and a lost answer cannot be requested
   * again.
   */
  @ApiProperty({
    type: 'integer',
    required: false,
    default: DEFAULT_GRACE_MINUTES,
    minimum: 0,
    maximum: MAX_GRACE_MINUTES,
  })
  @IfGiven()
  @IsInt()
  @Min(0)
  @Max(MAX_GRACE_MINUTES)
  graceMinutes?: number;
}
