import { hostname } from 'node:os';
import { Injectable, Logger } from '@nestjs/common';
import { Audit } from '../../access/index.js';

/** Records in the audit trail when a process becomes the leader of the event log. */
@Injectable()
export class LeaderAudit {
  private readonly logger = new Logger(LeaderAudit.name);

  constructor(private readonly audit: Audit) {}

  /** Records that this process holds the lease with this number. Never rejects: the log needs a leader even if this entry cannot be written. */
  async record(lease: number): Promise<void> {
    const detail = { lease, host: hostname(), pid: process.pid };
    await this.audit.record({ actor: 'system', action: 'log.lead', outcome: 'ok', detail }).catch((error: unknown) => {
      this.logger.warn({ err: error, lease }, 'audit entry of the leader could not be written');
    });
  }
}
