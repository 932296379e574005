import { Injectable } from '@nestjs/common';
import { StoredUsage, type Stored } from '../../access/index.js';
import { StorageBudget } from '../../notifications/index.js';
import { RuleReads } from './rule-reads.js';

/** Counts a user's rules, and the bytes of messages and alerts. */
@Injectable()
export class RuleUsage extends StoredUsage {
  constructor(
    private readonly rules: RuleReads,
    private readonly budget: StorageBudget,
  ) {
    super();
  }

  override async of(userId: string): Promise<Stored> {
    return { alertRules: await this.rules.count(userId), storedBytes: await this.budget.used(userId) };
  }
}
