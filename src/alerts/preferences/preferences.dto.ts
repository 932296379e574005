import { ApiProperty, OmitType, PartialType } from '@nestjs/swagger';
import { Type } from 'class-transformer';
import { IsBoolean, IsIn, IsObject, IsOptional, IsString, Matches, ValidateNested } from 'class-validator';
import { IfGiven, IsPlainText } from '../../platform/http/fields.js';
import { channelSwitches } from './channel-switches.js';
import { CLOCK_TIME, NO_CLOCK_TIME, QuietHoursBody } from './quiet-hours.dto.js';

const EVERY = ['hour', 'day'] as const;

/** Switch for each channel; a channel that is off sends no messages. */
class ChannelsBody extends channelSwitches({ required: false, default: true }) {}

/** Digest: collects mails of low and normal priority into one mail. */
class DigestBody {
  @ApiProperty({ enum: EVERY })
  @IsIn(EVERY)
  every!: (typeof EVERY)[number];

  /** Local time of the daily digest, HH:MM; refused for an hourly digest, which is sent at each full hour. */
  @ApiProperty({ type: String, required: false, default: '08:00' })
  @IfGiven()
  @IsString()
  @Matches(CLOCK_TIME, { message: NO_CLOCK_TIME })
  at?: string;

  /**
   * IANA name of the time zone; an offset such as +05:30 is refused.
   * @example Europe/Berlin
   */
  @IsPlainText(64)
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

  /** Digest; null: no digest, each mail is sent individually. */
  @ApiProperty({ type: DigestBody, nullable: true, required: false })
  @IsOptional()
  @IsObject()
  @ValidateNested()
  @Type(() => DigestBody)
  digest?: DigestBody | null;

  /** Whether no alert mail is sent; also true if all mail addresses were unsubscribed by the link in a mail. */
  @ApiProperty({ type: Boolean, required: false, default: false })
  @IfGiven()
  @IsBoolean()
  unsubscribed?: boolean;

  /** Read only: ignored in requests. */
  @ApiProperty({ type: String, isArray: true, required: false, readOnly: true })
  @IfGiven()
  @IsString({ each: true })
  unsubscribedAddresses?: string[];
}

/** Quiet hours: only the given fields change. */
class QuietHoursChange extends PartialType(QuietHoursBody, { skipNullProperties: false }) {}

/** Digest: only the given fields change. */
class DigestChange extends PartialType(DigestBody, { skipNullProperties: false }) {}

/** Fields to change; omitted fields keep their values. */
export class ChangePreferencesBody extends OmitType(PreferencesBody, ['quietHours', 'digest'] as const) {
  /** Quiet hours; null: none. If there were none, `start`, `end` and `timezone` are required. */
  @ApiProperty({ type: QuietHoursChange, nullable: true, required: false })
  @IsOptional()
  @IsObject()
  @ValidateNested()
  @Type(() => QuietHoursChange)
  quietHours?: QuietHoursChange | null;

  /** Digest; null: no digest, each mail is sent individually. If there was none, `timezone` is required. */
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

  /** Mail addresses that were unsubscribed by the link in a mail; confirming an address again restores it. */
  unsubscribedAddresses!: string[];
}
