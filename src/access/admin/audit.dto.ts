import { ApiProperty } from '@nestjs/swagger';
import { IsIn, IsOptional, IsString, Length, Matches } from 'class-validator';
import { IsMoment } from '../../platform/http/is-time.js';
import { PageInfo, PageQuery } from './page.dto.js';

const PRINTABLE = /^\P{Cc}*$/u;
const OUTCOMES = ['ok', 'refused'] as const;
export type Outcome = (typeof OUTCOMES)[number];

export class ListAuditQuery extends PageQuery {
  /** Actor: `key:<id>`, `cli`, `system`. */
  @IsOptional()
  @IsString()
  @Length(1, 512)
  @Matches(PRINTABLE, { message: '$property must not have control characters' })
  actor?: string;

  /** Action, such as `api_key.create`; a prefix with a trailing dot: `api_key.` */
  @IsOptional()
  @Matches(/^[a-z0-9_.]{1,100}$/)
  action?: string;

  /** Subject of the action. */
  @IsOptional()
  @IsString()
  @Length(1, 512)
  @Matches(PRINTABLE, { message: '$property must not have control characters' })
  subject?: string;

  @ApiProperty({ enum: OUTCOMES, required: false })
  @IsOptional()
  @IsIn(OUTCOMES)
  outcome?: Outcome;

  /** Earliest time: ISO 8601 with a zone, a day, Unix milliseconds, or relative (`now-24h`; m, h, d, w). */
  @IsOptional()
  @IsMoment()
  from?: string;

  /** End of the time range, excluded, in the same forms. */
  @IsOptional()
  @IsMoment()
  to?: string;
}

/** Line of the audit trail. */
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

  /** X-Request-Id of the request, as in the log. */
  @ApiProperty({ type: String, nullable: true })
  requestId!: string | null;
}

export class AuditPage {
  data!: AuditView[];
  page!: PageInfo;
}
