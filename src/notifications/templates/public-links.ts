import { Injectable } from '@nestjs/common';
import type { AlertMessage } from '../core/delivery.js';
import { SecretBox } from '../../platform/secrets/secret-box.js';
import { Settings } from '../../platform/settings/settings.js';

const UNSUBSCRIBE = 'unsubscribe';
const SNOOZE = 'snooze';

/**
 * Links in messages. A link that changes something opens a page with a button, because mail scanners open links. A
 * repeated message has the same links, because a receiver recognises a repetition by its body.
 */
@Injectable()
export class PublicLinks {
  readonly base: string;

  constructor(
    settings: Settings,
    private readonly box: SecretBox,
  ) {
    const base = settings.publicUrl ?? `http://localhost:${settings.port}`;
    this.base = base.endsWith('/') ? base.slice(0, -1) : base;
  }

  /**
   * Returns the links of an alert: its rule, its history, and a page that snoozes the rule. A message about many rules
   * has no link to a rule.
   */
  ofAlert(userId: string, { ruleId, type }: Partial<AlertMessage>): Record<string, string> {
    const alerts = `${this.base}/v1/alerts`;
    if (ruleId === undefined) return {};
    if (type === 'storm') return { history: `${alerts}/history` };
    const token = encodeURIComponent(this.box.sealAlike(JSON.stringify([userId, ruleId]), SNOOZE));
    return {
      rule: `${alerts}/rules/${ruleId}`,
      history: `${alerts}/history?ruleId=${ruleId}`,
      snooze: `${alerts}/snooze/${token}`,
    };
  }

  /** Returns the rule and the user of a snooze link; undefined for a link that this service did not create. */
  snoozedRule(token: string): { userId: string; ruleId: string } | undefined {
    try {
      const [userId, ruleId]: unknown[] = JSON.parse(this.box.open(token, SNOOZE));
      return { userId: String(userId), ruleId: String(ruleId) };
    } catch {
      return undefined;
    }
  }

  confirm(token: string): string {
    return `${this.base}/v1/notifications/confirm/${token}`;
  }

  unsubscribe(targetId: string): string {
    return `${this.base}/v1/notifications/unsubscribe/${encodeURIComponent(this.box.sealAlike(targetId, UNSUBSCRIBE))}`;
  }

  /** Returns the target of an unsubscribe link; undefined for a link that this service did not create. */
  unsubscribedTarget(token: string): string | undefined {
    try {
      return this.box.open(token, UNSUBSCRIBE);
    } catch {
      return undefined;
    }
  }
}
