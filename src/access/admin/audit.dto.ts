import { applyDecorators } from '@nestjs/common';
import { ApiProperty } from '@nestjs/swagger';
import { IsIn, IsISO8601, IsOptional, IsString, Length, Matches } from 'class-validator';
import { PageInfo, PageQuery } from './page.dto.js';

const PRINTABLE = /^\P{Cc}*$/u;
const OUTCOMES = ['ok', 'refused'] as const;
export type Outcome = (typeof OUTCOMES)[number];

/** A day or a time of the calendar: ISO 8601 also has weeks, days of the year and bare hours, which `Date` cannot read. */
const IsDayOrTime = (): PropertyDecorator =>
  applyDecorators(
    IsISO8601({ strict: true }),
    Matches(/^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d)?)?$/, {
      message: '$property must be a day or a time such as 2027-01-31T12:00:00Z',
    }),
  );

export class ListAuditQuery extends PageQuery {
  /** Who did it: `key:<id>`, `cli`, `system`. */
  @IsOptional()
  @IsString()
  @Length(1, 512)
  @Matches(PRINTABLE)
  actor?: string;

  /** What was done, such as `api_key.create`; all of a kind with a trailing dot: `api_key.` */
  @IsOptional()
  @Matches(/^[a-z0-9_.]{1,100}$/)
  action?: string;

  /** What it was done to. */
  @IsOptional()
  @IsString()
  @Length(1, 512)
  @Matches(PRINTABLE)
  subject?: string;

  @ApiProperty({ enum: OUTCOMES, required: false })
  @IsOptional()
  @IsIn(OUTCOMES)
  outcome?: Outcome;

  /** Not before this time. */
  @ApiProperty({ type: String, format: 'date-time', required: false })
  @IsOptional()
  @IsDayOrTime()
  from?: string;

  /** Before this time. */
  @ApiProperty({ type: String, format: 'date-time', required: false })
  @IsOptional()
  @IsDayOrTime()
  to?: string;
}

/** One line of the audit trail. */
export class AuditView {
  id!: string;
  at!: string;
  actor!: string;
  action!: string;

  @ApiProperty({ type: String, nullable: true })
  subject!: string | null;

  @ApiProperty({ enum: OUTCOMES })
  outcome!: Outcome;

  @ApiProperty({ type: Object, nullable: true })
  detail!: object | null;

  @ApiProperty({ type: String, nullable: true })
  address!: string | null;

  /** The X-Request-Id of the request, as the log names it. */
  @ApiProperty({ type: String, nullable: true })
  requestId!: string | null;
}

export class AuditPage {
  data!: AuditView[];
  page!: PageInfo;
}
