import { applyDecorators } from '@nestjs/common';
import { Type } from 'class-transformer';
import {
  ArrayMaxSize,
  ArrayMinSize,
  ArrayUnique,
  IsArray,
  IsIn,
  IsInt,
  IsObject,
  IsOptional,
  Max,
  Min,
  ValidateNested,
} from 'class-validator';
import { IfGiven, IsNotBlank, IsPlainText, IsTime } from '../../platform/http/fields.js';
import { ApiProperty, PartialType } from '@nestjs/swagger';
import { ROLES, SUBSCRIPTION_TYPES, TIERS, TRANSPORTS, type Role, type Tier, type Transport } from '../caller.js';
import { PageInfo, PageQuery } from '../../platform/http/paging/page.dto.js';

/** Validates a whole number that may be absent; 0 means no limit. */
const LimitNumber = (): PropertyDecorator =>
  applyDecorators(
    IfGiven(),
    IsInt(),
    Min(0),
    Max(1_000_000_000),
    ApiProperty({ type: 'integer', required: false, minimum: 0 }),
  );
/** Longest time for which a rotated key may stay valid: 30 days. */
const MAX_OVERLAP_SECONDS = 2_592_000;

/** Limits of one key that replace the limits of its tier; 0: no limit. */
export class KeyLimits {
  /** Maximum number of open connections. */
  @LimitNumber()
  connections?: number;

  /** Maximum number of client messages per minute. */
  @LimitNumber()
  messages?: number;

  /** Maximum number of API requests per minute. */
  @LimitNumber()
  apiRequests?: number;

  /** Maximum number of alert rules of the key's user. */
  @LimitNumber()
  alertRules?: number;

  /** Maximum number of subscription changes per connection and minute. */
  @LimitNumber()
  subscriptionChanges?: number;

  /** Maximum number of new connections per address and minute. */
  @LimitNumber()
  connectsPerAddress?: number;
}

/** Fields of a key that can be changed. */
class KeyRightsBody {
  /** Descriptive name; up to 200 characters. */
  @IfGiven()
  @IsPlainText(200, 0)
  name?: string;

  @ApiProperty({ enum: ROLES, required: false, default: 'reader' })
  @IfGiven()
  @IsIn(ROLES)
  role?: Role;

  @ApiProperty({ enum: TIERS, required: false, default: 'free' })
  @IfGiven()
  @IsIn(TIERS)
  tier?: Tier;

  /** Time at which the key expires, ISO 8601 with time zone, before the year 3000. null: never. */
  @ApiProperty({ type: String, format: 'date-time', nullable: true, required: false })
  @IsOptional()
  @IsTime()
  expiresAt?: string | null;

  /** Subscription types that the key may use. null: all. */
  @ApiProperty({ enum: SUBSCRIPTION_TYPES, isArray: true, nullable: true, required: false })
  @IsOptional()
  @IsArray()
  @ArrayMinSize(1)
  @ArrayMaxSize(SUBSCRIPTION_TYPES.length)
  @ArrayUnique()
  @IsIn(SUBSCRIPTION_TYPES, { each: true })
  subscriptionTypes?: string[] | null;

  /** Transports that the key may use. null: all. */
  @ApiProperty({ enum: TRANSPORTS, isArray: true, nullable: true, required: false })
  @IsOptional()
  @IsArray()
  @ArrayMinSize(1)
  @ArrayMaxSize(TRANSPORTS.length)
  @ArrayUnique()
  @IsIn(TRANSPORTS, { each: true })
  transports?: Transport[] | null;

  @ApiProperty({ type: KeyLimits, required: false })
  @IfGiven()
  @IsObject()
  @ValidateNested()
  @Type(() => KeyLimits)
  limits?: KeyLimits;
}

export class ChangeKeyBody extends PartialType(KeyRightsBody, { skipNullProperties: false }) {}

export class CreateKeyBody extends KeyRightsBody {
  /** User who owns the key and everything created with it; 1 to 255 characters. */
  @IsPlainText(255)
  @IsNotBlank()
  userId!: string;
}

export class RotateKeyBody {
  /** Time for which the old key stays valid, seconds; 0 ends its validity immediately. */
  @ApiProperty({ type: 'integer', required: false, default: 0, minimum: 0, maximum: MAX_OVERLAP_SECONDS })
  @IfGiven()
  @IsInt()
  @Min(0)
  @Max(MAX_OVERLAP_SECONDS)
  overlapSeconds?: number;
}

const STATES = ['active', 'expired', 'revoked'] as const;
export type KeyState = (typeof STATES)[number];

export class ListKeysQuery extends PageQuery {
  /** Lists only the keys of this user. */
  @IsOptional()
  @IsPlainText(255)
  userId?: string;

  @ApiProperty({ enum: ROLES, required: false })
  @IsOptional()
  @IsIn(ROLES)
  role?: Role;

  @ApiProperty({ enum: TIERS, required: false })
  @IsOptional()
  @IsIn(TIERS)
  tier?: Tier;

  @ApiProperty({ enum: STATES, required: false })
  @IsOptional()
  @IsIn(STATES)
  state?: KeyState;
}

/** Key without its secret. */
export class KeyView {
  id!: string;
  userId!: string;
  name!: string;

  @ApiProperty({ enum: ROLES })
  role!: Role;

  @ApiProperty({ enum: TIERS })
  tier!: Tier;

  @ApiProperty({ enum: STATES })
  state!: KeyState;

  @ApiProperty({ enum: SUBSCRIPTION_TYPES, isArray: true, nullable: true })
  subscriptionTypes!: string[] | null;

  @ApiProperty({ enum: TRANSPORTS, isArray: true, nullable: true })
  transports!: Transport[] | null;

  /** Limits of this key that replace the limits of its tier. */
  limits!: KeyLimits;
  createdAt!: string;
  createdBy!: string;

  @ApiProperty({ type: String, nullable: true })
  expiresAt!: string | null;

  @ApiProperty({ type: String, nullable: true })
  revokedAt!: string | null;

  /** Id of the key that replaced this key; null if it was not rotated. */
  @ApiProperty({ type: String, nullable: true })
  rotatedTo!: string | null;
}

export class CreatedKeyView extends KeyView {
  /** Complete key. It is shown only in this answer; the server stores a hash of its secret. */
  key!: string;
}

export class KeyPage {
  data!: KeyView[];
  page!: PageInfo;
}
