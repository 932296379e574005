import { Database } from '../../../src/platform/database/database.js';
import type { Environment } from '../../../src/platform/settings/settings.js';
import {
  Deliveries,
  Targets,
  type AlertMessage,
  type Channel,
  type NewDelivery,
} from '../../../src/notifications/index.js';
import { createTestApp, type TestApp } from '../../support/servers/create-test-app.js';
import type { TestDatabase } from '../../support/servers/test-database.js';
import { waitFor } from '../../support/wait-for.js';

export const ALERT: AlertMessage = {
  alertId: 'a1',
  ruleId: 'r1',
  name: 'Aave below 30 billion',
  state: 'fired',
  type: 'lt',
  message: 'Aave below 30 billion: TVL of aave-v3 is $29 B, below $30 B',
  at: '2026-11-20T10:00:00.000Z',
  priority: 'normal',
  protocol: 'aave-v3',
  metric: 'tvl',
  value: 29e9,
  threshold: 30e9,
  explanation: { previous: 31e9, ruleVersion: 1 },
};

// oxlint-disable-next-line typescript/no-explicit-any -- answers are judged by the tests
type Json = any;

/** The application, as senders and owners of deliveries use it. */
export class NotificationFixture {
  private constructor(readonly app: TestApp) {}

  /** Starts the application; `db`: a database to use, which is then not dropped. */
  static async start(settings: Environment = {}, db?: TestDatabase): Promise<NotificationFixture> {
    return new NotificationFixture(
      await createTestApp({
        ...(db ? { db } : {}),
        settings: { EGRESS_ALLOW: '127.0.0.0/8', LIMIT_API_REQUESTS: 'enterprise=0', ...settings },
      }),
    );
  }

  /** Registers a target; waits until it is active, unless `pending` is set. */
  async claim(channel: Channel, target: string, options: { userId?: string; pending?: boolean } = {}): Promise<string> {
    const { userId = 'tester', pending = false } = options;
    const { app } = this;
    const claimed = await app.nest
      .get(Database)
      .transaction((tx) => app.nest.get(Targets).claim(tx, userId, channel, target));
    if (!pending) await this.untilTarget(claimed.target, 'active', userId);
    return claimed.target;
  }

  untilTarget(target: string, status: string, userId = 'tester'): Promise<boolean> {
    const targets = this.app.nest.get(Targets);
    return waitFor(async () => (await targets.statuses(userId, [target])).get(target) === status, {
      what: `${target} ${status}`,
      timeoutMs: 20_000,
    });
  }

  /** Records and announces a message, like the code that decides on messages. */
  async send(channel: Channel, target: string, fields: Partial<NewDelivery> = {}): Promise<string> {
    const [id = ''] = await this.sendAll([{ channel, target, ...fields }]);
    return id;
  }

  async sendAll(messages: (Pick<NewDelivery, 'channel' | 'target'> & Partial<NewDelivery>)[]): Promise<string[]> {
    const ids = await this.record(messages);
    this.app.nest.get(Deliveries).announce(ids);
    return ids;
  }

  record(messages: (Pick<NewDelivery, 'channel' | 'target'> & Partial<NewDelivery>)[]): Promise<string[]> {
    const deliveries = messages.map((message, index): NewDelivery => ({
      userId: 'tester',
      type: 'alert.fired',
      data: ALERT,
      priority: 'normal',
      collapseKey: `r1:${index}:${Math.random()}`,
      expiresAt: new Date(Date.now() + 3_600_000),
      ...message,
    }));
    return this.app.nest.get(Database).transaction((tx) => this.app.nest.get(Deliveries).create(tx, deliveries));
  }

  /** Returns the delivery's row. */
  async row(id: string): Promise<Json> {
    return (await this.app.db.pool.query('SELECT * FROM deliveries WHERE id = $1', [id])).rows[0];
  }

  until(id: string, state: string): Promise<Json> {
    return waitFor(
      async () => {
        const row = await this.row(id);
        if (row?.state !== state) throw new Error(`${row?.state}: ${row?.reason}`);
        return row;
      },
      { what: `delivery ${state}`, timeoutMs: 20_000 },
    );
  }

  /** Waits until the delivery is deferred for that reason. */
  untilHeld(id: string, reason: string): Promise<Json> {
    return waitFor(
      async () => {
        const row = await this.row(id);
        if (row?.reason !== reason) throw new Error(`${row?.state}: ${row?.reason}`);
        return row;
      },
      { what: `delivery held by ${reason}`, timeoutMs: 20_000 },
    );
  }

  /** Makes a delivery's next attempt due now. */
  async hurry(id: string): Promise<void> {
    await this.app.db.pool.query(
      `UPDATE deliveries SET next_attempt_at = now(), due_at = now() WHERE id = $1 AND state IN ('pending', 'retrying')`,
      [id],
    );
  }

  async call(key: string, method: string, path: string, body?: object): Promise<{ status: number; json: Json }> {
    const answer = await fetch(`${this.app.url}/v1/notifications${path}`, {
      method,
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      ...(body ? { body: JSON.stringify(body) } : {}),
    });
    const text = await answer.text();
    return { status: answer.status, json: text === '' ? undefined : JSON.parse(text) };
  }

  close(): Promise<void> {
    return this.app.close();
  }
}
