import { ApiProperty } from '@nestjs/swagger';
import { IsOptional, IsString, Length } from 'class-validator';
import { IsId, IsPlainText } from '../../platform/http/fields.js';
import { SubscriptionDto } from './subscriptions.dto.js';

export class ExplainQuery {
  /** Connection to explain. */
  @IsString()
  @Length(1, 200)
  connection!: string;

  /** Cursor of the event; alternative to `eventId`. */
  @IsOptional()
  @IsString()
  @Length(1, 40)
  cursor?: string;

  /** Id of the event; alternative to `cursor`. */
  @IsOptional()
  @IsId()
  eventId?: string;
}

export class SubscriptionVerdict {
  subscription!: SubscriptionDto;

  /** Whether this subscription matches the event. */
  matches!: boolean;

  /**
   * First condition that fails: `subscribed_later`, `owner`, `eventTypes`, `threshold`, `protocols`, `chains`, `tokens`,
   * `range`; null when none does.
   * @example "threshold"
   */
  failed!: string | null;

  /**
   * Value that the condition requires, and the event's value.
   * @example "wants 0.05, the event moved 0.01"
   */
  detail!: string | null;
}

export class Explanation {
  connectionId!: string;
  eventId!: string;
  cursor!: string;

  /** @example "tvl_change" */
  eventType!: string;

  /** Whether the event reaches the connection. */
  reaches!: boolean;

  /**
   * Summary in one sentence.
   * @example "2 of 3 subscriptions match; the event is sent once."
   */
  summary!: string;

  subscriptions!: SubscriptionVerdict[];
}

export class NewAnnouncement {
  /**
   * Text of the announcement.
   * @example "Maintenance in 10 minutes"
   */
  @IsString()
  @Length(1, 2_000)
  message!: string;

  /** User who receives the announcement. */
  @IsOptional()
  @IsPlainText(255)
  userId?: string;

  /**
   * Room that receives the announcement: a channel's name, a subscription type, or `protocol:{slug}[:{chain}]`.
   * @example "protocol:uniswap-v3"
   */
  @IsOptional()
  @IsPlainText(255)
  room?: string;

  /** Connection that receives the announcement. */
  @IsOptional()
  @IsPlainText(200)
  connectionId?: string;
}

export class AnnouncementResult {
  /** Number of connections notified. */
  @ApiProperty({ type: 'integer' })
  delivered!: number;
}
