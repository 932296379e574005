import { Injectable, Logger } from '@nestjs/common';
import type { Outcome } from '../core/outcome.js';
import type { ClaimedDelivery } from '../core/delivery-row.js';
import { HealthNotices } from '../../platform/health/health-notices.js';

type Trouble = NonNullable<Outcome['trouble']>;

/** Minimum interval between two log lines about the same trouble, ms. */
const LOG_INTERVAL_MS = 60_000;
const LINES = {
  mail: { level: 'warn', line: 'mail refused' },
  fcm: { level: 'error', line: 'FCM refused a push' },
  web_push: { level: 'error', line: 'Web Push refused' },
} as const;

/** Logs faults that operators must fix: refused mails, and a service account or a key pair that is not accepted. */
@Injectable()
export class ChannelTroubles {
  private readonly logger = new Logger('Notifications');
  private readonly logged = new Map<string, number>();

  constructor(private readonly notices: HealthNotices) {}

  note({ id }: Pick<ClaimedDelivery, 'id'>, outcome: Outcome): void {
    if (outcome.trouble !== undefined) this.report(outcome.trouble, id);
    else if (outcome.result === 'delivered' && outcome.via !== undefined) this.notices.clear(outcome.via);
  }

  private report({ of, detail }: Trouble, deliveryId: string): void {
    this.notices.set(of, detail);
    const now = Date.now();
    if (now - (this.logged.get(of) ?? 0) < LOG_INTERVAL_MS) return;
    this.logged.set(of, now);
    const { level, line } = LINES[of];
    this.logger[level]({ deliveryId, reason: detail }, line);
  }
}
