import { hostname } from 'node:os';
import { Injectable, Logger } from '@nestjs/common';
import { Audit } from '../../access/index.js';
import { Sequencer } from './sequencer.js';

/** Records in the audit trail which process leads the event log, and since when. */
@Injectable()
export class LeaderAudit {
  private readonly logger = new Logger(LeaderAudit.name);

  constructor(
    sequencer: Sequencer,
    private readonly audit: Audit,
  ) {
    sequencer.onLead((lease) => void this.record(lease));
  }

  /** Records a lease. Never rejects: a log without a leader would be worse than a trail without this line. */
  private async record(lease: number): Promise<void> {
    const detail = { lease, host: hostname(), pid: process.pid };
    await this.audit.record({ actor: 'system', action: 'log.lead', outcome: 'ok', detail }).catch((error: unknown) => {
      this.logger.warn({ err: error, lease }, 'audit trail could not be written');
    });
  }
}
