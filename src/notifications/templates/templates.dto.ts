import { IsOptional, IsString, Matches, MaxLength } from 'class-validator';
import { MAX_TEMPLATE_LENGTH } from './template-engine.js';

export class TemplateParams {
  @Matches(/^[a-z0-9][a-z0-9_-]{0,63}$/, {
    message: 'name must be 1 to 64 lower case letters, digits, _ and -, beginning with a letter or digit',
  })
  name!: string;
}

export class TemplateBody {
  /**
   * Subject in Liquid; line breaks are replaced by spaces.
   * @example {{ name }}: {{ message }}
   */
  @IsString()
  @MaxLength(1_000)
  subject!: string;

  /**
   * Text in Liquid, for mails, pushes and webhooks with a format.
   * @example {{ message }} Value: {{ value | usd }}
   */
  @IsString()
  @MaxLength(MAX_TEMPLATE_LENGTH)
  text!: string;

  /**
   * HTML of mails, in Liquid. Every value is escaped. Absent: mails have only text.
   * @example <p>{{ message }}</p>
   */
  @IsOptional()
  @IsString()
  @MaxLength(MAX_TEMPLATE_LENGTH)
  html?: string;
}

export class TemplateView {
  /** @example short */
  name!: string;
  subject!: string;
  text!: string;
  html!: string;
  /** Whether the template is built in; your own template with the same name takes precedence. */
  builtIn!: boolean;
}

export class TemplateListView {
  data!: TemplateView[];
}
