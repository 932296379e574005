import { ApiProperty, IntersectionType, OmitType, PartialType } from '@nestjs/swagger';
import { IsBoolean, IsIn, IsInt, IsOptional, IsString, Length, Max, Min } from 'class-validator';
import { FilterBody, FilterLists, FilterValues } from './filter-properties.js';
import { SUBSCRIPTION_TYPES, type SubscriptionType } from '../core/filter/subscription-request.js';
import { PageInfo } from '../../platform/http/paging/page.dto.js';

class DeliveryMode {
  /** Delivery mode of the whole connection; `latest`: only the newest event per key and interval. */
  @IsOptional()
  @IsIn(['all', 'latest'])
  @ApiProperty({ enum: ['all', 'latest'], required: false })
  mode?: string;

  /** Interval of `latest`, ms. */
  @IsOptional()
  @IsInt({ message: 'intervalMs must be a whole number' })
  @ApiProperty({ type: 'integer', required: false })
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
   * Name of the channel; only with type `channel`.
   * @example "events:prices"
   */
  @IsOptional()
  @IsString()
  @Length(1, 160)
  channel?: string;

  /** Whether rows of all users are included; requires role `admin`. */
  @IsOptional()
  @IsBoolean()
  all?: boolean;

  /** Cursor after which to continue: missed events are sent before the answer. */
  @IsOptional()
  @IsString()
  @Length(1, 40)
  since?: string;

  /** Whether the matching published values are sent before live events. */
  @IsOptional()
  @IsBoolean()
  snapshot?: boolean;
}

/** Body of `subscribe` on Socket.IO. */
export class NewSubscription extends IntersectionType(NewSubscriptionOnly, FilterBody, DeliveryMode) {}

/** Selects subscriptions of the connection: omitted members match anything. */
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
export class SubscriptionChange extends IntersectionType(SubscriptionSelection, FilterBody, DeliveryMode) {}

class SubscriptionName {
  /** @example "s1" */
  id!: string;

  /** @example "tvl_changes" */
  type!: string;

  channel?: string;
}

class SubscriptionOwners {
  all?: boolean;
}

export class SubscriptionDto extends IntersectionType(
  FilterLists,
  SubscriptionName,
  FilterValues,
  SubscriptionOwners,
) {}

export class SubscriptionPage {
  data!: SubscriptionDto[];
  page!: PageInfo;
}

export class SubscriptionsAnswer {
  subscriptions!: SubscriptionDto[];

  /** Cursor from which the connection's client may resume. */
  cursor!: string;

  /** Whether all missed events were sent; present if `since` was given. */
  recovered?: boolean;

  /** Reason of `recovered: false`: cursor_expired, epoch or replay_limit. */
  reason?: string;

  /** Number of events sent before this answer. */
  @ApiProperty({ type: 'integer', required: false })
  replayed?: number;
}

export class RemovedSubscriptions {
  removed!: SubscriptionDto[];
  cursor!: string;
}
