import { Body, Controller, Delete, Get, HttpCode, Param, Put } from '@nestjs/common';
import { ApiBearerAuth, ApiTags } from '@nestjs/swagger';
import { CurrentCaller, type Caller } from '../../access/index.js';
import { CsvList } from '../../platform/http/csv.interceptor.js';
import { TemplateLibrary } from './template-library.js';
import { TemplateBody, TemplateListView, TemplateParams, TemplateView } from './templates.dto.js';

@ApiTags('Notifications')
@ApiBearerAuth()
@Controller('v1/notifications/templates')
export class TemplatesController {
  constructor(private readonly library: TemplateLibrary) {}

  /** Lists your templates and the built-in ones. */
  @Get()
  @CsvList<TemplateView>('templates', ['name', 'subject', 'text', 'html', 'builtIn'])
  async list(@CurrentCaller() { userId }: Caller): Promise<TemplateListView> {
    return { data: await this.library.list(userId) };
  }

  /** Returns one template. */
  @Get(':name')
  get(@Param() { name }: TemplateParams, @CurrentCaller() { userId }: Caller): Promise<TemplateView> {
    return this.library.get(userId, name);
  }

  /** Creates or replaces a template. Rules use a template by naming it in their actions. */
  @Put(':name')
  put(
    @Param() { name }: TemplateParams,
    @Body() body: TemplateBody,
    @CurrentCaller() { userId }: Caller,
  ): Promise<TemplateView> {
    return this.library.put(userId, name, body);
  }

  /** Removes a template. Rules that name it use the built-in template of that name, or else the default template. */
  @Delete(':name')
  @HttpCode(204)
  remove(@Param() { name }: TemplateParams, @CurrentCaller() { userId }: Caller): Promise<void> {
    return this.library.remove(userId, name);
  }
}
