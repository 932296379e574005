import { ApiProperty, OmitType, PartialType } from '@nestjs/swagger';
import { Type } from 'class-transformer';
import { IsBoolean, IsIn, IsObject, IsOptional, IsString, Length, Matches, ValidateNested } from 'class-validator';
import { IfGiven, PRINTABLE } from '../rules/fields.js';
import { channelSwitches } from './channel-switches.js';
import { CLOCK_TIME, NO_CLOCK_TIME, QuietHoursBody } from './quiet-hours.dto.js';

const EVERY = ['hour', 'day'] as const;

/** Channels that may be used. */
export class ChannelsBody extends channelSwitches({ required: false, default: true }) {}

/** Digest: mails of low and normal priority are collected into one. */
export class DigestBody {
  @ApiProperty({ enum: EVERY })
  @IsIn(EVERY)
  every!: (typeof EVERY)[number];

  /** Local time of the daily digest, HH:MM; refused for an hourly one, which is sent at each full hour. */
  @ApiProperty({ type: String, required: false, default: '08:00' })
  @IfGiven()
  @IsString()
  @Matches(CLOCK_TIME, { message: NO_CLOCK_TIME })
  at?: string;

  /**
   * IANA name; an offset such as +05:30 is refused.
   * @example Europe/Berlin
   */
  @IsString()
  @Length(1, 64)
  @Matches(PRINTABLE, { message: '$property must not have control characters' })
  timezone!: string;
}

/** Preferences of notifications: channels, quiet hours and digest. */
export class PreferencesBody {
  @ApiProperty({ type: ChannelsBody, required: false })
  @IfGiven()
  @IsObject()
  @ValidateNested()
  @Type(() => ChannelsBody)
  channels?: ChannelsBody;

  /** Quiet hours; null: none. */
  @ApiProperty({ type: QuietHoursBody, nullable: true, required: false })
  @IsOptional()
  @IsObject()
  @ValidateNested()
  @Type(() => QuietHoursBody)
  quietHours?: QuietHoursBody | null;

  /** Digest; null: none, each mail is sent individually. */
  @ApiProperty({ type: DigestBody, nullable: true, required: false })
  @IsOptional()
  @IsObject()
  @ValidateNested()
  @Type(() => DigestBody)
  digest?: DigestBody | null;

  /** Whether no alert mail is sent; true too if every mail address was unsubscribed by the link of a mail. */
  @ApiProperty({ type: Boolean, required: false, default: false })
  @IfGiven()
  @IsBoolean()
  unsubscribed?: boolean;

  /** Read only; ignored when given. */
  @ApiProperty({ type: String, isArray: true, required: false, readOnly: true })
  @IfGiven()
  @IsString({ each: true })
  unsubscribedAddresses?: string[];
}

/** Quiet hours of which only the given fields change. */
export class QuietHoursChange extends PartialType(QuietHoursBody) {}

/** Digest of which only the given fields change. */
export class DigestChange extends PartialType(DigestBody) {}

/** Fields to change; everything else stays as it is. */
export class ChangePreferencesBody extends OmitType(PreferencesBody, ['quietHours', 'digest'] as const) {
  /** Quiet hours; null: none. New ones need `start`, `end` and `timezone`. */
  @ApiProperty({ type: QuietHoursChange, nullable: true, required: false })
  @IsOptional()
  @IsObject()
  @ValidateNested()
  @Type(() => QuietHoursChange)
  quietHours?: QuietHoursChange | null;

  /** Digest; null: none, each mail is sent individually. A new one needs `timezone`. */
  @ApiProperty({ type: DigestChange, nullable: true, required: false })
  @IsOptional()
  @IsObject()
  @ValidateNested()
  @Type(() => DigestChange)
  digest?: DigestChange | null;
}

class ChannelsView extends channelSwitches({ required: true }) {}

/** Preferences in effect. */
export class PreferencesView {
  channels!: ChannelsView;

  @ApiProperty({ type: QuietHoursBody, nullable: true })
  quietHours!: object | null;

  @ApiProperty({ type: DigestBody, nullable: true })
  digest!: object | null;
  unsubscribed!: boolean;

  /** Mail addresses that a link in a mail unsubscribed; a new confirmation restores one. */
  unsubscribedAddresses!: string[];
}
