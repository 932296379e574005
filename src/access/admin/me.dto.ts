import { ApiProperty } from '@nestjs/swagger';
import { IsInt, Max, Min } from 'class-validator';
import { ROLES, TIERS, TRANSPORTS, type Role, type Tier, type Transport } from '../caller.js';
import { IfGiven, KeyLimits } from './api-key.dto.js';

export class UsageView {
  /** Open connections of the key. */
  connections!: number;
  /** Client messages in the current minute. */
  messages!: number;
  /** API requests in the current minute, this one included. */
  apiRequests!: number;
  /** Alert rules of the user, over all keys. */
  alertRules!: number;
  /** Bytes of the user's stored messages and alerts, over all keys. */
  storedBytes!: number;
}

/** Of the key, and of its user. */
export class MeLimits extends KeyLimits {
  /** Most bytes of stored messages and alerts of a user; beyond it messages are not sent. */
  storedBytes!: number;
}

/** The caller, as the server sees it. */
export class MeView {
  userId!: string;
  keyId!: string;

  @ApiProperty({ enum: ROLES })
  role!: Role;

  @ApiProperty({ enum: TIERS })
  tier!: Tier;

  /** When the key or token ends. */
  @ApiProperty({ type: String, nullable: true })
  expiresAt!: string | null;

  @ApiProperty({ type: String, isArray: true, nullable: true })
  subscriptionTypes!: readonly string[] | null;

  @ApiProperty({ enum: TRANSPORTS, isArray: true, nullable: true })
  transports!: readonly Transport[] | null;

  /** 0: no limit. */
  limits!: MeLimits;
  used!: UsageView;
}

/** Longest time that a key stays valid after its owner rotated it: 7 days, minutes. */
const MAX_GRACE_MINUTES = 10_080;
/** A client that lost the answer can ask again with its Idempotency-Key for so long, minutes. */
export const DEFAULT_GRACE_MINUTES = 10;

export class RotateOwnKeyBody {
  /** How long the old key stays valid, in minutes; 0 ends it at once, and an answer that is lost then is lost for good. */
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
