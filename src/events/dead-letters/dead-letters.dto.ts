import { IsOptional, Matches } from 'class-validator';
import { IsPlainText } from '../../platform/http/fields.js';
import { PageQuery } from '../../platform/http/paging/page.dto.js';

export class DeadLettersQuery extends PageQuery {
  /** Lists only dead letters of this reader of the log. */
  @IsOptional()
  @IsPlainText(128)
  reader?: string;
}

export class DeadLetterParams {
  @Matches(/^[1-9]\d{0,17}$/, { message: 'id must be the id of a dead letter' })
  id!: string;
}
