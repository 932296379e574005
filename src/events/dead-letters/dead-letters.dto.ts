import { ApiProperty } from '@nestjs/swagger';
import { IsInt, IsOptional, IsString, Matches, Max, MaxLength, Min } from 'class-validator';
import { Type } from 'class-transformer';
import { IsPlainText } from '../../platform/http/fields.js';

export class DeadLettersQuery {
  /** Maximum number of dead letters per page. */
  @IsOptional()
  @ApiProperty({ type: 'integer', minimum: 1, maximum: 1_000, default: 100, required: false })
  @Type(() => Number)
  @IsInt()
  @Min(1)
  @Max(1_000)
  limit?: number;

  /** Value of `next_cursor` from the previous page. */
  @IsOptional()
  @IsString()
  @MaxLength(64)
  cursor?: string;

  /** Lists only dead letters of this reader of the log. */
  @IsOptional()
  @IsPlainText(128)
  reader?: string;
}

export class DeadLetterParams {
  @Matches(/^[1-9]\d{0,17}$/, { message: 'id must be the id of a dead letter' })
  id!: string;
}
