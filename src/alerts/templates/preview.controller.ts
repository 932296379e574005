import { Body, Controller, HttpCode, Post } from '@nestjs/common';
import { ApiBearerAuth, ApiTags } from '@nestjs/swagger';
import { CurrentCaller, Roles, type Caller } from '../../access/index.js';
import { PreviewBody, PreviewView } from './preview.dto.js';
import { TemplatePreviews } from './template-previews.js';

@ApiTags('alerts')
@ApiBearerAuth()
@Roles('reader')
@Controller('v1/alerts/templates')
export class TemplatePreviewController {
  constructor(private readonly previews: TemplatePreviews) {}

  /**
   * Renders a template with the newest alert of a rule, or with an example. Warns of variables that alerts do not have.
   */
  @Post('preview')
  @HttpCode(200)
  preview(@Body() body: PreviewBody, @CurrentCaller() { userId }: Caller): Promise<PreviewView> {
    return this.previews.preview(userId, body);
  }
}
