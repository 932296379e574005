import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { POSTED_TYPES, type PostedType } from '../core/event-catalogue.js';
import { IsArray, IsIn, IsNumber, IsObject, IsOptional, IsString, Max, MaxLength, Min } from 'class-validator';

export class PostedEvent {
  @ApiProperty({ enum: POSTED_TYPES })
  @IsIn(POSTED_TYPES)
  eventType!: PostedType;

  /** @example aave-v3 */
  @IsOptional()
  @IsString()
  @MaxLength(128)
  protocol?: string;

  /** @example ethereum */
  @IsOptional()
  @IsString()
  @MaxLength(64)
  chain?: string;

  /** @example weth */
  @IsOptional()
  @IsString()
  @MaxLength(128)
  token?: string;

  /** Payload, whose fields the writer may choose: at most 16 levels and 32,768 characters of JSON. */
  @ApiProperty({ type: 'object', additionalProperties: true, example: { amountUsd: 125000, borrower: '0x…' } })
  @IsObject()
  data!: object;

  /** @example my-adapter */
  @IsOptional()
  @IsString()
  @MaxLength(128)
  source?: string;

  @IsOptional()
  @IsNumber()
  @Min(0)
  @Max(1)
  confidence?: number;

  @IsOptional()
  @IsArray()
  @IsString({ each: true })
  tags?: string[];

  /** Time of the event, ISO 8601 with zone or Unix milliseconds; default: now. */
  @ApiPropertyOptional({ oneOf: [{ type: 'string', format: 'date-time' }, { type: 'integer' }] })
  @IsOptional()
  observedAt?: string | number;
}

export class PostedEventAnswer {
  /** Whether this request added the event; false if an earlier one with the same Idempotency-Key and body has added it. */
  created!: boolean;

  /** Log position at or after the event; null if the log is more than 10 s behind. */
  @ApiProperty({ type: String, nullable: true })
  cursor!: string | null;
}
