import { ApiProperty, IntersectionType, OmitType, PartialType } from '@nestjs/swagger';
import {
  ArrayMaxSize,
  IsArray,
  IsBoolean,
  IsIn,
  IsNumber,
  IsOptional,
  IsString,
  Length,
  Max,
  Min,
} from 'class-validator';
import { SUBSCRIPTION_TYPES, type SubscriptionType } from '../core/subscription.js';
import { Page } from './connections.dto.js';

/** Filters of a subscription. They bind only events that have the field. */
export class SubscriptionFilters {
  /** @example "uniswap-v3" */
  @IsOptional()
  @IsString()
  @Length(1, 160)
  protocol?: string;

  @IsOptional()
  @IsArray()
  @ArrayMaxSize(500)
  @IsString({ each: true })
  protocols?: string[];

  /** @example "ethereum" */
  @IsOptional()
  @IsString()
  @Length(1, 160)
  chain?: string;

  @IsOptional()
  @IsArray()
  @ArrayMaxSize(500)
  @IsString({ each: true })
  chains?: string[];

  /** @example "bitcoin" */
  @IsOptional()
  @IsString()
  @Length(1, 160)
  token?: string;

  @IsOptional()
  @IsArray()
  @ArrayMaxSize(500)
  @IsString({ each: true })
  tokens?: string[];

  /** Event types, under either of their names. */
  @IsOptional()
  @IsArray()
  @ArrayMaxSize(50)
  @IsString({ each: true })
  eventTypes?: string[];

  /**
   * Smallest move, a fraction: 0.05 is 5 %. Rounded down to a step, which the answer shows.
   * @example 0.05
   */
  @IsOptional()
  @IsNumber()
  @Min(0)
  @Max(1_000)
  threshold?: number;

  /** US dollars; matches when the value before or after is inside. */
  @IsOptional()
  @IsNumber()
  @Min(0)
  minValue?: number;

  /** US dollars. */
  @IsOptional()
  @IsNumber()
  @Min(0)
  maxValue?: number;
}

class DeliveryMode {
  /** Delivery mode of the connection; `latest`: the newest event per key and interval. */
  @IsOptional()
  @IsIn(['all', 'latest'])
  @ApiProperty({ enum: ['all', 'latest'], required: false })
  mode?: string;

  /** Interval of `latest`, ms. */
  @IsOptional()
  @IsNumber()
  @Min(100)
  @Max(60_000)
  intervalMs?: number;
}

class NewSubscriptionOnly {
  /** @example "tvl_changes" */
  @IsIn(SUBSCRIPTION_TYPES)
  @ApiProperty({ enum: SUBSCRIPTION_TYPES })
  type!: SubscriptionType;

  /**
   * Name of the channel, with type `channel`.
   * @example "events:prices"
   */
  @IsOptional()
  @IsString()
  @Length(1, 160)
  channel?: string;

  /** Rows of every owner; for admins. */
  @IsOptional()
  @IsBoolean()
  all?: boolean;

  /** Cursor to continue after. */
  @IsOptional()
  @IsString()
  @Length(1, 40)
  since?: string;

  /** Whether the matching published values are sent first. */
  @IsOptional()
  @IsBoolean()
  snapshot?: boolean;
}

/** Body of `subscribe` on Socket.IO. */
export class NewSubscription extends IntersectionType(NewSubscriptionOnly, SubscriptionFilters, DeliveryMode) {}

/** Selects subscriptions of the connection: members left out match anything. */
export class SubscriptionSelection extends PartialType(
  OmitType(IntersectionType(NewSubscriptionOnly, DeliveryMode), [
    'all',
    'since',
    'snapshot',
    'mode',
    'intervalMs',
  ] as const),
) {
  /**
   * Id of the subscription.
   * @example "s1"
   */
  @IsOptional()
  @IsString()
  @Length(1, 40)
  id?: string;
}

/** New filters for the selected subscriptions, in place of the old ones. */
export class SubscriptionChange extends IntersectionType(SubscriptionSelection, SubscriptionFilters, DeliveryMode) {}

export class SubscriptionDto {
  /** @example "s1" */
  id!: string;

  /** @example "tvl_changes" */
  type!: string;

  channel?: string;
  @ApiProperty({ type: String, isArray: true, required: false })
  protocols?: readonly string[];

  @ApiProperty({ type: String, isArray: true, required: false })
  chains?: readonly string[];

  @ApiProperty({ type: String, isArray: true, required: false })
  tokens?: readonly string[];

  @ApiProperty({ type: String, isArray: true, required: false })
  eventTypes?: readonly string[];

  /** Step in effect. */
  threshold?: number;

  minValue?: number;
  maxValue?: number;
  all?: boolean;
}

export class SubscriptionPage {
  data!: SubscriptionDto[];
  page!: Page;
}

export class SubscriptionsAnswer {
  subscriptions!: SubscriptionDto[];

  /** Position of the connection. */
  cursor!: string;

  /** Whether everything missed was sent; with `since`. */
  recovered?: boolean;

  /** Reason of `recovered: false`: cursor_expired or replay_limit. */
  reason?: string;

  /** Number of messages sent before this answer. */
  @ApiProperty({ type: 'integer', required: false })
  replayed?: number;
}

export class RemovedSubscriptions {
  removed!: SubscriptionDto[];
  cursor!: string;
}
