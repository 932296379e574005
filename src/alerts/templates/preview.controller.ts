import { Body, Controller, HttpCode, Post } from '@nestjs/common';
import { ApiBearerAuth, ApiTags } from '@nestjs/swagger';
import { CurrentCaller, Roles, type Caller } from '../../access/index.js';
import { Templates } from '../../notifications/index.js';
import { PreviewBody, PreviewView } from './preview.dto.js';

@ApiTags('alerts')
@ApiBearerAuth()
@Roles('reader')
@Controller('v1/alerts/templates')
export class TemplatePreviewController {
  constructor(private readonly templates: Templates) {}

  /** Shows what a template makes of an example alert. */
  @Post('preview')
  @HttpCode(200)
  preview(@Body() body: PreviewBody, @CurrentCaller() { userId }: Caller): Promise<PreviewView> {
    return this.templates.preview(userId, body);
  }
}
