import { ApiProperty } from '@nestjs/swagger';
import { IsIn, IsOptional, Matches } from 'class-validator';
import { IsMoment, IsPlainText } from '../../platform/http/fields.js';
import { PageInfo, PageQuery } from '../../platform/http/paging/page.dto.js';

const OUTCOMES = ['ok', 'refused'] as const;
type Outcome = (typeof OUTCOMES)[number];

export class ListAuditQuery extends PageQuery {
  /** Actor of the entries: `key:<id>`, `cli`, `system` or `unknown`. */
  @IsOptional()
  @IsPlainText(512)
  actor?: string;

  /** Action, such as `api_key.create`, or a prefix of actions with a trailing dot, such as `api_key.` */
  @IsOptional()
  @Matches(/^[a-z0-9_.]{1,100}$/)
  action?: string;

  /** Subject of the action, such as the id of a key. */
  @IsOptional()
  @IsPlainText(512)
  subject?: string;

  @ApiProperty({ enum: OUTCOMES, required: false })
  @IsOptional()
  @IsIn(OUTCOMES)
  outcome?: Outcome;

  /**
   * Start of the time range, included: ISO 8601 with a zone, a day, Unix milliseconds, or relative (`now-24h`; m, h, d, w).
   */
  @IsOptional()
  @IsMoment()
  from?: string;

  /** End of the time range, excluded; formats as for `from`. */
  @IsOptional()
  @IsMoment()
  to?: string;
}

/** Entry of the audit trail. */
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

  /** X-Request-Id of the request; its log lines have the same id. */
  @ApiProperty({ type: String, nullable: true })
  requestId!: string | null;
}

export class AuditPage {
  data!: AuditView[];
  page!: PageInfo;
}
