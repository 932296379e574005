import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { Repository, type SelectQueryBuilder } from 'typeorm';
import { Clock } from '../../platform/clock/clock.js';
import { timeGiven } from '../../platform/input/time.js';
import { AuditEntryEntity } from '../audit/audit-entry.entity.js';
import type { AuditView, ListAuditQuery } from './audit.dto.js';
import { pageOf, type Paged } from '../../platform/http/paging/page.js';
import { decodeNumber } from '../../platform/http/paging/list-cursor.js';

/** Reads the audit trail, the latest entries first. */
@Injectable()
export class AuditTrail {
  constructor(
    @InjectRepository(AuditEntryEntity) private readonly entries: Repository<AuditEntryEntity>,
    private readonly clock: Clock,
  ) {}

  async list(query: ListAuditQuery): Promise<Paged<AuditView>> {
    const { limit, cursor, ...filters } = query;
    const scope = ['audit', filters];
    const before = decodeNumber(scope, cursor);
    const rows = this.entries
      .createQueryBuilder('a')
      .orderBy('a.id', 'DESC')
      .take(limit + 1);
    if (before !== null) rows.andWhere('a.id < :before', { before });
    filter(rows, filters, this.clock.now());
    return pageOf(await rows.getMany(), { scope, limit, position: (entry) => entry.id }, viewOf);
  }
}

function filter(
  rows: SelectQueryBuilder<AuditEntryEntity>,
  query: Omit<ListAuditQuery, 'limit' | 'cursor'>,
  now: number,
): void {
  const { actor, action, subject, outcome } = query;
  const [from, to] = [timeGiven(query.from, now), timeGiven(query.to, now)];
  if (actor !== undefined) rows.andWhere('a.actor = :actor', { actor });
  if (action?.endsWith('.')) rows.andWhere('starts_with(a.action, :action)', { action });
  else if (action !== undefined) rows.andWhere('a.action = :action', { action });
  if (subject !== undefined) rows.andWhere('a.subject = :subject', { subject });
  if (outcome !== undefined) rows.andWhere('a.outcome = :outcome', { outcome });
  if (from !== null) rows.andWhere('a.at >= :from', { from });
  if (to !== null) rows.andWhere('a.at < :to', { to });
}

function viewOf({ id, at, actor, action, subject, outcome, detail, address, requestId }: AuditEntryEntity): AuditView {
  return { id: String(id), at: at.toISOString(), actor, action, subject, outcome, detail, address, requestId };
}
