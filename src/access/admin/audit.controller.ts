import { Controller, Get, Query } from '@nestjs/common';
import { ApiBearerAuth, ApiTags } from '@nestjs/swagger';
import { CsvList } from '../../platform/http/csv.interceptor.js';
import { Audited } from '../audit/audited.interceptor.js';
import { Roles } from '../guard/roles.decorator.js';
import { AuditPage, AuditView, ListAuditQuery } from './audit.dto.js';
import { AuditTrail } from './audit-trail.js';

@ApiTags('Administration')
@ApiBearerAuth()
@Roles('admin')
@Controller('v1/admin/audit')
export class AuditController {
  constructor(private readonly trail: AuditTrail) {}

  /** Lists the entries of the audit trail, the latest first. */
  @Get()
  @Audited('audit.list')
  @CsvList<AuditView>('audit', ['id', 'at', 'actor', 'action', 'subject', 'outcome', 'detail', 'address', 'requestId'])
  list(@Query() query: ListAuditQuery): Promise<AuditPage> {
    return this.trail.list(query);
  }
}
