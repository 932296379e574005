import { Injectable } from '@nestjs/common';
import { OLD_LINK, page, PublicLinks, question } from '../../notifications/index.js';
import { actAs } from '../../platform/fairness/working-for.js';
import { DomainError } from '../../platform/errors/domain-error.js';
import { AlertRules } from './alert-rules.js';
import { RuleReads } from './rule-reads.js';

const SNOOZE_MINUTES = 60;
/** Author of the change, as the rule's versions show it. */
const BY_LINK = 'link';

/**
 * Snoozes a rule through the link in one of its messages. No key is needed, because keys are rarely available on a phone.
 */
@Injectable()
export class SnoozeLinks {
  constructor(
    private readonly links: PublicLinks,
    private readonly reads: RuleReads,
    private readonly rules: AlertRules,
  ) {}

  show(token: string): Promise<string> {
    return this.ofRule(token, async (userId, ruleId) => {
      const { name } = await this.reads.row(userId, ruleId);
      return question(`Snooze the alerts of “${name}” for an hour?`, 'Snooze');
    });
  }

  snooze(token: string): Promise<string> {
    return this.ofRule(token, async (userId, ruleId) => {
      const { row } = await this.rules.snooze({ userId, keyId: BY_LINK }, ruleId, { minutes: SNOOZE_MINUTES });
      const until = row.snoozed_until?.toISOString().slice(0, 16).replace('T', ' ') ?? '';
      return page(`“${row.name}” is silent until ${until} UTC.`);
    });
  }

  /**
   * Answers for the link's rule, or reports that the link is no longer valid: links remain after their rule is deleted.
   */
  private async ofRule(token: string, answer: (userId: string, ruleId: string) => Promise<string>): Promise<string> {
    const rule = this.links.snoozedRule(token);
    if (rule === undefined) return OLD_LINK;
    try {
      return await actAs({ id: rule.userId, role: 'reader' }, () => answer(rule.userId, rule.ruleId));
    } catch (error) {
      if (error instanceof DomainError && error.code === 'not_found') return OLD_LINK;
      throw error;
    }
  }
}
