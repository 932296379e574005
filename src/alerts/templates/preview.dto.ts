import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsObject, IsString, MaxLength } from 'class-validator';
import { IfGiven, IsPlainText, IsWellFormed } from '../rules/fields.js';

const LONGEST_SOURCE = 8_192;

/** A template by name, or its text before it is saved. */
export class PreviewBody {
  /** Name of a built-in template or of one of the user's. */
  @ApiProperty({ type: String, required: false, example: 'tvl_change' })
  @IfGiven()
  @IsPlainText(128)
  template?: string;

  /** Liquid, up to 8,192 characters. */
  @ApiProperty({ type: String, required: false, example: '{{ name }}: {{ state }}' })
  @IfGiven()
  @IsString()
  @MaxLength(LONGEST_SOURCE)
  @IsWellFormed()
  subject?: string;

  /** Liquid, up to 8,192 characters. */
  @ApiProperty({ type: String, required: false, example: '{{ message }}' })
  @IfGiven()
  @IsString()
  @MaxLength(LONGEST_SOURCE)
  @IsWellFormed()
  text?: string;

  /** Liquid, up to 8,192 characters; values are escaped. */
  @ApiProperty({ type: String, required: false })
  @IfGiven()
  @IsString()
  @MaxLength(LONGEST_SOURCE)
  @IsWellFormed()
  html?: string;

  /** Fields of the alert that replace those of the example. */
  @ApiPropertyOptional({ type: 'object', additionalProperties: true })
  @IfGiven()
  @IsObject()
  data?: object;
}

export class PreviewView {
  subject!: string;
  text!: string;
  html!: string;
}
