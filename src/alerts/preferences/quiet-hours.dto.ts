import { ApiProperty } from '@nestjs/swagger';
import { ArrayMinSize, ArrayUnique, IsArray, IsBoolean, IsIn, IsString, Matches } from 'class-validator';
import { DAYS, type Day } from '../../notifications/index.js';
import { IfGiven, IsPlainText } from '../../platform/http/fields.js';

export const CLOCK_TIME = /^(?:[01]\d|2[0-3]):[0-5]\d$/;
export const NO_CLOCK_TIME = '$property must be a time such as 22:30';

/** Quiet hours: messages wait until they end. */
export class QuietHoursBody {
  /**
   * Local start time, HH:MM.
   * @example 22:00
   */
  @IsString()
  @Matches(CLOCK_TIME, { message: NO_CLOCK_TIME })
  start!: string;

  /**
   * Local end time, HH:MM. An end before `start` is on the next day. An end equal to `start` is also on the next day and
   * needs `days`; to never send messages, switch them off in `channels`.
   * @example 07:00
   */
  @IsString()
  @Matches(CLOCK_TIME, { message: NO_CLOCK_TIME })
  end!: string;

  /**
   * IANA name of the time zone; an offset such as +05:30 is refused.
   * @example Europe/Berlin
   */
  @IsPlainText(64)
  timezone!: string;

  /** Days on which the quiet hours start; hours after midnight belong to the previous day. Default: every day. */
  @ApiProperty({ enum: DAYS, isArray: true, required: false, example: ['mon', 'tue', 'wed', 'thu', 'fri'] })
  @IfGiven()
  @IsArray()
  @ArrayMinSize(1)
  @ArrayUnique()
  @IsIn(DAYS, { each: true })
  days?: Day[];

  /** Whether messages of priority `critical` are sent during quiet hours. */
  @ApiProperty({ type: Boolean, required: false, default: true })
  @IfGiven()
  @IsBoolean()
  allowCritical?: boolean;
}
