import { ApiProperty } from '@nestjs/swagger';
import { IsInt, Max, Min } from 'class-validator';
import { ROLES, TIERS, TRANSPORTS, type Role, type Tier, type Transport } from '../caller.js';
import { IfGiven, KeyLimits } from './api-key.dto.js';

export class UsageView {
  /** Open connections of the key. */
  connections!: number;
  /** Client messages in the current minute; null without a limit: they are not counted. */
  @ApiProperty({ type: Number, nullable: true })
  messages!: number | null;
  /** API requests in the current minute, this one included; null without a limit: they are not counted. */
  @ApiProperty({ type: Number, nullable: true })
  apiRequests!: number | null;
  /** Alert rules of the user, over all keys. */
  alertRules!: number;
  /** Bytes of the user's stored messages and alerts, over all keys. */
  storedBytes!: number;
}

/** Limits of the key, and of its user. */
export class MeLimits extends KeyLimits {
  /** Maximum bytes of stored messages and alerts of a user; beyond it messages are not sent. */
  storedBytes!: number;
}

/** Caller, as the server sees it. */
export class MeView {
  userId!: string;
  keyId!: string;

  @ApiProperty({ enum: ROLES })
  role!: Role;

  @ApiProperty({ enum: TIERS })
  tier!: Tier;

  /** End of the key's or token's validity. */
  @ApiProperty({ type: String, nullable: true })
  expiresAt!: string | null;

  @ApiProperty({ type: String, isArray: true, nullable: true })
  subscriptionTypes!: readonly string[] | null;

  @ApiProperty({ enum: TRANSPORTS, isArray: true, nullable: true })
  transports!: readonly Transport[] | null;

  /** Limits; 0: none. */
  limits!: MeLimits;
  used!: UsageView;
}

/** Longest time for which a key stays valid after its owner rotated it: 7 days, minutes. */
const MAX_GRACE_MINUTES = 10_080;
/**
 * Default of that time, within which a client that lost the answer can repeat the request with its Idempotency-Key, minutes.
 */
export const DEFAULT_GRACE_MINUTES = 10;

export class RotateOwnKeyBody {
  /** Time for which the old key stays valid, minutes; 0 ends it at once, and a lost answer then cannot be repeated. */
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
