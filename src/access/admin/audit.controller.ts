import { Controller, Get, Query, UseInterceptors } from '@nestjs/common';
import { ApiBearerAuth, ApiTags } from '@nestjs/swagger';
import { CsvInterceptor } from '../../platform/http/csv.interceptor.js';
import { Audited } from '../audit/audited.interceptor.js';
import { Roles } from '../guard/roles.decorator.js';
import { AuditPage, ListAuditQuery } from './audit.dto.js';
import { AuditTrail } from './audit-trail.js';

@ApiTags('Administration')
@ApiBearerAuth()
@Roles('admin')
@Controller('v1/admin/audit')
export class AuditController {
  constructor(private readonly trail: AuditTrail) {}

  /** Lists the audit trail, newest first. */
  @Get()
  @Audited('audit.list')
  @UseInterceptors(CsvInterceptor)
  list(@Query() query: ListAuditQuery): Promise<AuditPage> {
    return this.trail.list(query);
  }
}
