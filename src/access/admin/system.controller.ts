import { Controller, Get } from '@nestjs/common';
import { ApiBearerAuth, ApiOkResponse, ApiTags } from '@nestjs/swagger';
import { Audited } from '../audit/audited.interceptor.js';
import { Roles } from '../guard/roles.decorator.js';
import { SystemFacts } from './system-facts.js';

@ApiTags('Administration')
@ApiBearerAuth()
@Roles('admin')
@Controller('v1/admin/system')
export class SystemController {
  constructor(private readonly facts: SystemFacts) {}

  /** Returns the state of this process: versions, settings without secrets, database, event log and connections. */
  @Get()
  @Audited('system.read')
  @ApiOkResponse({ schema: { type: 'object', additionalProperties: true } })
  read(): Promise<Record<string, unknown>> {
    return this.facts.all();
  }
}
