import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsObject, IsString, MaxLength } from 'class-validator';
import { IfGiven, IsId, IsPlainText, IsWellFormed } from '../../platform/http/fields.js';

const MAX_SOURCE_LENGTH = 8_192;

/** Template by name, or the text of an unsaved template. */
export class PreviewBody {
  /** Name of a built-in template or of a template of the user. */
  @ApiProperty({ type: String, required: false, example: 'tvl_change' })
  @IfGiven()
  @IsPlainText(128)
  template?: string;

  /** Subject in Liquid, up to 8,192 characters. */
  @ApiProperty({ type: String, required: false, example: '{{ name }}: {{ state }}' })
  @IfGiven()
  @IsString()
  @MaxLength(MAX_SOURCE_LENGTH)
  @IsWellFormed()
  subject?: string;

  /** Text in Liquid, up to 8,192 characters. */
  @ApiProperty({ type: String, required: false, example: '{{ message }}' })
  @IfGiven()
  @IsString()
  @MaxLength(MAX_SOURCE_LENGTH)
  @IsWellFormed()
  text?: string;

  /** HTML in Liquid, up to 8,192 characters; values are escaped. */
  @ApiProperty({ type: String, required: false })
  @IfGiven()
  @IsString()
  @MaxLength(MAX_SOURCE_LENGTH)
  @IsWellFormed()
  html?: string;

  /** Id of the rule whose newest alert is used; without an id, or without an alert, an example is used. */
  @ApiProperty({ type: String, format: 'uuid', required: false })
  @IfGiven()
  @IsId()
  ruleId?: string;

  /** Fields that replace those of the alert. */
  @ApiPropertyOptional({ type: 'object', additionalProperties: true })
  @IfGiven()
  @IsObject()
  data?: object;
}

/** Warning about a template. */
class PreviewWarning {
  @ApiProperty({ enum: ['unknown_variable', 'empty'] })
  code!: string;

  /** @example unknown variable explanation.previos */
  detail!: string;
}

export class PreviewView {
  subject!: string;
  text!: string;
  html!: string;
  warnings!: PreviewWarning[];
}
