import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { Clock } from '../../platform/clock/clock.js';
import { Database } from '../../platform/database/database.js';
import { DEFAULT_PREFERENCES, Deliveries, type AlertMessage, type NewDelivery } from '../../notifications/index.js';
import { isoTime } from '../../platform/input/time.js';
import { thresholdOf, typeOf, type Rule } from '../core/index.js';
import { leavesOf } from '../messages/alert-message.js';
import { keepsIncidents } from '../messages/incidents.js';
import { addressed } from '../messages/plan-messages.js';
import type { TestAnswer } from './rule-answer.dto.js';
import { RuleReads } from './rule-reads.js';
import { ruleOf } from './rule-row.js';

/** Tests of a rule: send its messages regardless of the market. */
@Injectable()
export class RuleTests {
  constructor(
    private readonly reads: RuleReads,
    private readonly database: Database,
    private readonly deliveries: Deliveries,
    private readonly clock: Clock,
  ) {}

  /**
   * Sends one message to each target immediately, even in quiet hours. If the message opens an incident, a second message
   * closes it.
   */
  async send(userId: string, ruleId: string): Promise<TestAnswer> {
    const rule = ruleOf(await this.reads.row(userId, ruleId));
    const data = testMessage(rule, this.clock.now());
    const tests = rule.actions.map((action): NewDelivery => ({
      ...addressed({ ...rule, quietHours: null }, action, this.clock.now(), DEFAULT_PREFERENCES),
      type: 'test',
      data,
      collapseKey: data.alertId,
    }));
    const over: AlertMessage = { ...data, state: 'resolved', message: `${rule.name}: the test is over` };
    const ends = tests.filter(keepsIncidents).map((test): NewDelivery => ({ ...test, data: over }));
    const ids = await this.database.transaction((tx) => this.deliveries.create(tx, [...tests, ...ends]));
    this.deliveries.announce(ids);
    return { deliveries: ids.slice(0, tests.length) };
  }
}

function testMessage(rule: Rule, now: number): AlertMessage {
  const [condition] = leavesOf(rule);
  const { protocol, chain, token, account } = condition ?? {};
  return {
    alertId: randomUUID(),
    ruleId: rule.ruleId,
    name: rule.name,
    state: 'test',
    type: typeOf(condition),
    message: `${rule.name}: this is a test, nothing has happened`,
    at: isoTime(now),
    priority: rule.priority,
    ...(protocol === undefined ? {} : { protocol }),
    ...(chain === undefined ? {} : { chain }),
    ...(token === undefined ? {} : { token }),
    ...(account === undefined ? {} : { account }),
    metric: condition?.metric ?? 'event',
    value: null,
    threshold: thresholdOf(condition),
    explanation: { reason: 'test', ruleVersion: rule.version },
  };
}
