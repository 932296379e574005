import { ApiProperty } from '@nestjs/swagger';
import { Transform } from 'class-transformer';
import { IsIn, IsOptional, IsString, Matches, MaxLength } from 'class-validator';
import { IsId, IsMoment } from '../../platform/http/fields.js';
import { CHANNEL_NAMES, type Channel } from '../core/channels/catalogue.js';
import {
  DELIVERY_STATES,
  MESSAGE_TYPES,
  SYSTEM_TYPES,
  type DeliveryState,
  type MessageType,
  type SystemType,
} from '../core/delivery.js';
import { PageInfo, PageQuery } from '../../platform/http/paging/page.dto.js';

const ATTEMPT_OUTCOMES = ['delivered', 'failed', 'rejected', 'interrupted'] as const;
const TRIGGERS = ['auto', 'manual', 'test'] as const;
const REDELIVERABLE = ['dead', 'expired', 'superseded', 'suppressed', 'delivered'] as const;

export class DeliveriesQuery extends PageQuery {
  /** Only deliveries in this state. */
  @IsOptional()
  @ApiProperty({ enum: DELIVERY_STATES, required: false })
  @IsIn(DELIVERY_STATES)
  state?: DeliveryState;

  /** Only deliveries of this channel. */
  @IsOptional()
  @ApiProperty({ enum: CHANNEL_NAMES, required: false })
  @IsIn(CHANNEL_NAMES)
  channel?: Channel;

  /** Only deliveries of this type. */
  @IsOptional()
  @ApiProperty({ enum: [...MESSAGE_TYPES, ...SYSTEM_TYPES], required: false })
  @IsIn([...MESSAGE_TYPES, ...SYSTEM_TYPES])
  type?: MessageType | SystemType;

  /**
   * Only deliveries created at or after this time: ISO 8601 with a zone, a day, Unix milliseconds, or relative
   * (`now-24h`; m, h, d, w).
   * @example 2026-11-20T00:00:00.000Z
   */
  @IsOptional()
  @IsMoment()
  from?: string;

  /**
   * Only deliveries created before this time, in the same forms as `from`.
   * @example 2026-11-21T00:00:00.000Z
   */
  @IsOptional()
  @IsMoment()
  to?: string;

  /** Only deliveries of this rule. */
  @IsOptional()
  @Matches(/^[\w-]{1,64}$/, { message: 'ruleId must be the id of a rule' })
  ruleId?: string;
}

export class DeliveryParams {
  @IsId()
  id!: string;
}

export class AttemptView {
  /** @example 1 */
  attempt!: number;

  @ApiProperty({ enum: TRIGGERS, example: 'auto' })
  trigger!: (typeof TRIGGERS)[number];

  /** @example 2026-11-20T09:00:00.120Z */
  startedAt!: string;

  /**
   * Duration in milliseconds.
   * @example 84
   */
  durationMs!: number;

  @ApiProperty({ enum: ATTEMPT_OUTCOMES, example: 'failed' })
  outcome!: (typeof ATTEMPT_OUTCOMES)[number];

  /**
   * HTTP or SMTP status; null if there was no response.
   * @example 503
   */
  statusCode!: number | null;

  /** @example answered 503 */
  detail!: string | null;

  /** First 4 KB of the response, as text. */
  response!: string | null;
}

export class DeliveryView {
  /**
   * Id of the delivery; also the header `webhook-id`.
   * @example 0199a0a0-0000-7000-8000-000000000004
   */
  id!: string;

  @ApiProperty({ enum: [...MESSAGE_TYPES, ...SYSTEM_TYPES], example: 'alert.fired' })
  type!: MessageType | SystemType;

  @ApiProperty({ enum: CHANNEL_NAMES, example: 'webhook' })
  channel!: Channel;

  /** @example https://hooks.example.com/alerts */
  target!: string;

  @ApiProperty({ enum: DELIVERY_STATES, example: 'retrying' })
  state!: DeliveryState;

  /**
   * Reason of this state; for a superseded delivery, the id of the newer delivery.
   * @example answered 503
   */
  reason!: string | null;

  /** Rule of the message; null for messages of the service itself. */
  ruleId!: string | null;

  /** @example 2 */
  attempts!: number;

  /** Time of the next attempt; null if the delivery is finished. */
  nextAttemptAt!: string | null;

  /** @example 2026-11-20T09:00:00.000Z */
  createdAt!: string;

  expiresAt!: string;

  finishedAt!: string | null;
}

export class DeliveryDetail extends DeliveryView {
  /** Alert as it was sent; null for messages of the service itself. */
  @ApiProperty({ type: 'object', additionalProperties: true, nullable: true })
  data!: object | null;

  attemptLog!: AttemptView[];
}

export class DeliveryPage {
  data!: DeliveryView[];
  page!: PageInfo;
}

export class RedeliverRangeBody {
  /**
   * Start of the range of creation times: ISO 8601 with a zone, a day, Unix milliseconds, or relative (`now-24h`; m, h,
   * d, w).
   * @example now-24h
   */
  @IsMoment()
  from!: string;

  /**
   * End of the range, exclusive, in the same forms as `from`.
   * @example now
   */
  @IsMoment()
  to!: string;

  /** States of the deliveries to send again; default: `dead`. */
  @IsOptional()
  @ApiProperty({ enum: REDELIVERABLE, isArray: true, required: false })
  @Transform(({ value }: { value: unknown }) => (typeof value === 'string' ? [value] : value))
  @IsIn(REDELIVERABLE, { each: true })
  states?: (typeof REDELIVERABLE)[number][];

  /** Only deliveries to this target, in the form of the list of targets; absent: to all targets. */
  @IsOptional()
  @IsString()
  @MaxLength(2_048)
  target?: string;
}

export class RedeliverRangeAnswer {
  /** Number of deliveries that will be sent again, at most 10,000; repeat the request for the rest. */
  redelivered!: number;
}
