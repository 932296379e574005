import { ApiProperty } from '@nestjs/swagger';
import { Type } from 'class-transformer';
import { IsBoolean, IsIn, IsObject, IsOptional, IsString, Length, Matches, ValidateNested } from 'class-validator';
import { IfGiven, PRINTABLE } from '../rules/fields.js';

const CLOCK_TIME = /^(?:[01]\d|2[0-3]):[0-5]\d$/;
const EVERY = ['hour', 'day'] as const;

/** Which channels may be used at all. */
export class ChannelsBody {
  @ApiProperty({ type: Boolean, required: false, default: true })
  @IfGiven()
  @IsBoolean()
  email?: boolean;

  @ApiProperty({ type: Boolean, required: false, default: true })
  @IfGiven()
  @IsBoolean()
  webhook?: boolean;

  @ApiProperty({ type: Boolean, required: false, default: true })
  @IfGiven()
  @IsBoolean()
  push?: boolean;
}

/** Messages of these hours wait for their end. */
export class QuietHoursBody {
  /**
   * Local time, HH:MM.
   * @example 22:00
   */
  @IsString()
  @Matches(CLOCK_TIME)
  start!: string;

  /**
   * Local time, HH:MM; before `start` it is the next day's.
   * @example 07:00
   */
  @IsString()
  @Matches(CLOCK_TIME)
  end!: string;

  /**
   * IANA name.
   * @example Europe/Berlin
   */
  @IsString()
  @Length(1, 64)
  @Matches(PRINTABLE)
  timezone!: string;

  /** Messages of priority `critical` do not wait. */
  @ApiProperty({ type: Boolean, required: false, default: true })
  @IfGiven()
  @IsBoolean()
  allowCritical?: boolean;
}

/** Mails of low and normal priority are collected into one. */
export class DigestBody {
  @ApiProperty({ enum: EVERY })
  @IsIn(EVERY)
  every!: (typeof EVERY)[number];

  /** Local time of the daily digest, HH:MM. */
  @ApiProperty({ type: String, required: false, default: '08:00' })
  @IfGiven()
  @IsString()
  @Matches(CLOCK_TIME)
  at?: string;

  /**
   * IANA name.
   * @example Europe/Berlin
   */
  @IsString()
  @Length(1, 64)
  @Matches(PRINTABLE)
  timezone!: string;
}

/** What a user wants to be told, where and when. */
export class PreferencesBody {
  @ApiProperty({ type: ChannelsBody, required: false })
  @IfGiven()
  @IsObject()
  @ValidateNested()
  @Type(() => ChannelsBody)
  channels?: ChannelsBody;

  /** null: none. */
  @ApiProperty({ type: QuietHoursBody, nullable: true, required: false })
  @IsOptional()
  @IsObject()
  @ValidateNested()
  @Type(() => QuietHoursBody)
  quietHours?: QuietHoursBody | null;

  /** null: every mail for itself. */
  @ApiProperty({ type: DigestBody, nullable: true, required: false })
  @IsOptional()
  @IsObject()
  @ValidateNested()
  @Type(() => DigestBody)
  digest?: DigestBody | null;

  /** No alert mail at all; also set by the unsubscribe link of a mail. */
  @ApiProperty({ type: Boolean, required: false, default: false })
  @IfGiven()
  @IsBoolean()
  unsubscribed?: boolean;
}

class ChannelsView {
  email!: boolean;
  webhook!: boolean;
  push!: boolean;
}

/** The preferences that hold. */
export class PreferencesView {
  channels!: ChannelsView;

  @ApiProperty({ type: QuietHoursBody, nullable: true })
  quietHours!: object | null;

  @ApiProperty({ type: DigestBody, nullable: true })
  digest!: object | null;
  unsubscribed!: boolean;
}
