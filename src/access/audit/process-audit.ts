import { Injectable, Logger, type BeforeApplicationShutdown, type OnApplicationBootstrap } from '@nestjs/common';
import { Settings } from '../../platform/settings/settings.js';
import { Audit } from './audit.js';

/** Records starts and stops of the process in the audit trail. */
@Injectable()
export class ProcessAudit implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly logger = new Logger(ProcessAudit.name);

  constructor(
    private readonly audit: Audit,
    private readonly settings: Settings,
  ) {}

  onApplicationBootstrap(): Promise<void> {
    return this.record('system.start', {});
  }

  /** Records the stop in this phase, because the database is closed in the next one. */
  beforeApplicationShutdown(signal?: string): Promise<void> {
    return this.record('system.stop', signal === undefined ? {} : { signal });
  }

  private async record(action: string, more: { signal?: string }): Promise<void> {
    const detail = { role: this.settings.role, pid: process.pid, node: process.version, ...more };
    await this.audit.record({ actor: 'system', action, outcome: 'ok', detail }).catch((error: unknown) => {
      // Not thrown: the loss of the database must not make the stop fail.
      this.logger.warn({ err: error, action }, 'audit entry of a start or stop could not be written');
    });
  }
}
