import { ApiProperty } from '@nestjs/swagger';
import { Transform, Type } from 'class-transformer';
import { IsIn, IsInt, IsOptional, IsString, IsUUID, Matches, Max, MaxLength, Min } from 'class-validator';
import { IsMoment } from '../../platform/http/is-time.js';
import { CHANNEL_NAMES, type Channel } from '../core/channels/catalogue.js';
import {
  DELIVERY_STATES,
  MESSAGE_TYPES,
  SYSTEM_TYPES,
  type DeliveryState,
  type MessageType,
  type SystemType,
} from '../core/delivery.js';

const ATTEMPT_OUTCOMES = ['delivered', 'failed', 'rejected', 'interrupted'] as const;
const TRIGGERS = ['auto', 'manual', 'test'] as const;
const REDELIVERABLE = ['dead', 'expired', 'superseded', 'suppressed', 'delivered'] as const;

export class DeliveriesQuery {
  /** Maximum number of deliveries of a page, which ends earlier after 2 MB; `has_more` says whether there are more. */
  @IsOptional()
  @ApiProperty({ type: 'integer', minimum: 1, maximum: 1_000, default: 100, required: false })
  @Type(() => Number)
  @IsInt()
  @Min(1)
  @Max(1_000)
  limit?: number;

  /** Cursor: `page.next_cursor` of the page before, with the same other parameters. */
  @IsOptional()
  @IsString()
  @MaxLength(64)
  cursor?: string;

  /** Deliveries in this state only. */
  @IsOptional()
  @ApiProperty({ enum: DELIVERY_STATES, required: false })
  @IsIn(DELIVERY_STATES)
  state?: DeliveryState;

  /** Deliveries of this channel only. */
  @IsOptional()
  @ApiProperty({ enum: CHANNEL_NAMES, required: false })
  @IsIn(CHANNEL_NAMES)
  channel?: Channel;

  /** Deliveries of this type only. */
  @IsOptional()
  @ApiProperty({ enum: [...MESSAGE_TYPES, ...SYSTEM_TYPES], required: false })
  @IsIn([...MESSAGE_TYPES, ...SYSTEM_TYPES])
  type?: MessageType | SystemType;

  /**
   * Deliveries created at or after this time: ISO 8601 with a zone, a day, Unix milliseconds, or relative (`now-24h`; m, h, d,
   * w).
   * @example 2026-11-20T00:00:00.000Z
   */
  @IsOptional()
  @IsMoment()
  from?: string;

  /**
   * Deliveries created before this time, in the same forms.
   * @example 2026-11-21T00:00:00.000Z
   */
  @IsOptional()
  @IsMoment()
  to?: string;

  /** Deliveries of this rule only. */
  @IsOptional()
  @Matches(/^[\w-]{1,64}$/, { message: 'ruleId must be the id of a rule' })
  ruleId?: string;
}

export class DeliveryParams {
  @IsUUID()
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
   * HTTP or SMTP status; null without an answer.
   * @example 503
   */
  statusCode!: number | null;

  /** @example answered 503 */
  detail!: string | null;

  /** First 4 KB of the answer, as text. */
  response!: string | null;
}

export class DeliveryView {
  /**
   * Id, also the `webhook-id`.
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
   * Reason of this state; of a superseded one the newer delivery's id.
   * @example answered 503
   */
  reason!: string | null;

  /** Rule it speaks of; null for the product's own messages. */
  ruleId!: string | null;

  /** @example 2 */
  attempts!: number;

  /** Time of the next attempt; null if it is finished. */
  nextAttemptAt!: string | null;

  /** @example 2026-11-20T09:00:00.000Z */
  createdAt!: string;

  expiresAt!: string;

  finishedAt!: string | null;
}

export class DeliveryDetail extends DeliveryView {
  /** Alert as it was sent; null for the product's own messages. */
  @ApiProperty({ type: 'object', additionalProperties: true, nullable: true })
  data!: object | null;

  attemptLog!: AttemptView[];
}

class DeliveryPageInfo {
  next_cursor!: string | null;
  has_more!: boolean;
}

export class DeliveryPage {
  data!: DeliveryView[];
  page!: DeliveryPageInfo;
}

export class RedeliverRangeBody {
  /**
   * Deliveries created at or after this time: ISO 8601 with a zone, a day, Unix milliseconds, or relative (`now-24h`; m, h, d,
   * w).
   * @example now-24h
   */
  @IsMoment()
  from!: string;

  /**
   * Deliveries created before this time, in the same forms.
   * @example now
   */
  @IsMoment()
  to!: string;

  /** States of the deliveries to send again; default: dead ones. */
  @IsOptional()
  @ApiProperty({ enum: REDELIVERABLE, isArray: true, required: false })
  @Transform(({ value }: { value: unknown }) => (typeof value === 'string' ? [value] : value))
  @IsIn(REDELIVERABLE, { each: true })
  states?: (typeof REDELIVERABLE)[number][];

  /** Target to send to, as the list of targets shows it; absent: all. */
  @IsOptional()
  @IsString()
  @MaxLength(2_048)
  target?: string;
}

export class RedeliverRangeAnswer {
  /** Number of deliveries that will be sent again, 10,000 at most: repeat the request for the rest. */
  redelivered!: number;
}
