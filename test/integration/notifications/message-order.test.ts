import fc from 'fast-check';
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { candidates } from '../../../src/notifications/deliveries/candidates.js';
import { DeliveryClaims } from '../../../src/notifications/deliveries/delivery-claims.js';
import { DeliveryResults } from '../../../src/notifications/deliveries/delivery-results.js';
import { Sweeper } from '../../../src/notifications/deliveries/sweeper.js';
import type { NewDelivery } from '../../../src/notifications/index.js';
import { RestCaller } from '../../support/clients/rest-caller.js';
import { ALERT, NotificationFixture } from './notification-fixture.js';

let fixture: NotificationFixture;
let tester: RestCaller;

beforeAll(async () => {
  fixture = await NotificationFixture.start({ VERIFY_TARGETS: 'false' });
  tester = await RestCaller.of(fixture.app, 'tester');
  // The tests claim; nobody else does.
  await fixture.app.nest.get(Sweeper).beforeApplicationShutdown();
});
afterAll(() => fixture.close());

const RULES = [randomUUID(), randomUUID()];
const SUBJECTS = RULES.flatMap((ruleId) =>
  [{ protocol: 'aave' }, { protocol: 'aave', chain: 'ethereum' }, { token: 'usdc', chain: 'base' }].map((named) => ({
    ruleId,
    ...named,
  })),
);

interface Message {
  readonly way: 'single' | 'storm' | 'summary';
  readonly isEnd: boolean;
  /** Indexes into SUBJECTS. */
  readonly about: readonly number[];
  readonly state: string;
  /** Whether the row is from before the columns for subjects. */
  readonly isOld: boolean;
}

const MESSAGE: fc.Arbitrary<Message> = fc.record({
  way: fc.constantFrom('single', 'single', 'storm', 'summary'),
  isEnd: fc.boolean(),
  about: fc.uniqueArray(fc.nat(SUBJECTS.length - 1), { minLength: 1, maxLength: 4 }),
  state: fc.constantFrom('pending', 'pending', 'retrying', 'sending', 'delivered', 'dead'),
  isOld: fc.boolean(),
});

/** Returns the subjects of a message: all of one rule, or one, as its form permits. */
function namedBy({ way, about: [first = 0, ...more] }: Message): number[] {
  if (way === 'single') return [first];
  const perRule = SUBJECTS.length / RULES.length;
  const isAlike = (one: number) => Math.floor(one / perRule) === Math.floor(first / perRule);
  return [first, ...(way === 'storm' ? more : more.filter(isAlike))];
}

function delivery(message: Message, target: string): Pick<NewDelivery, 'channel' | 'target'> & Partial<NewDelivery> {
  const subjects = namedBy(message).map((index) => SUBJECTS[index] ?? { ruleId: '' });
  const state = message.isEnd ? 'resolved' : 'fired';
  const ruleId = subjects[0]?.ruleId ?? '';
  const shared = { channel: 'webhook', target, ruleIds: subjects.map((subject) => subject.ruleId) } as const;
  if (message.way === 'single') {
    const { protocol: _, ...rest } = ALERT;
    return {
      ...shared,
      type: `alert.${state}`,
      data: { ...rest, ...subjects[0] },
      collapseKey: JSON.stringify(subjects),
    };
  }
  const explanation =
    message.way === 'storm'
      ? { state, alerts: subjects.map((subject) => ({ ...subject, value: 1 })) }
      : { state, subjects: subjects.map((subject) => ({ ...subject, ruleId: undefined, value: 1 })) };
  return { ...shared, type: 'alert.summary', data: { ...ALERT, ruleId, explanation }, collapseKey: randomUUID() };
}

const isOpen = ({ state }: Message): boolean => ['pending', 'retrying', 'sending'].includes(state);

/** Whether an unfinished earlier message reports the opposite about one of the subjects. */
function isHeld(messages: readonly Message[], at: number): boolean {
  const [message] = messages.slice(at);
  if (message === undefined) return false;
  const subjects = new Set(namedBy(message));
  return messages
    .slice(0, at)
    .some((one) => isOpen(one) && one.isEnd !== message.isEnd && namedBy(one).some((subject) => subjects.has(subject)));
}

it('a message waits for exactly those unfinished ones that report the opposite about its subjects', async () => {
  const { pool } = fixture.app.db;
  await fc.assert(
    fc.asyncProperty(fc.array(MESSAGE, { minLength: 2, maxLength: 12 }), async (messages) => {
      const target = await fixture.claim('webhook', `http://127.0.0.1:9/${randomUUID()}`);
      const ids = await fixture.record(messages.map((message) => delivery(message, target)));
      for (const [index, { state, isOld }] of messages.entries())
        await pool.query(
          `UPDATE deliveries SET state = $2, subject_keys = CASE WHEN $3 THEN NULL ELSE subject_keys END,
             is_end = CASE WHEN $3 THEN NULL ELSE is_end END WHERE id = $1`,
          [ids[index], state, isOld],
        );
      const sql = candidates({ webhookRate: 0, mailDaily: 0 }, 'd.id = ANY($1)');
      const { rows } = await pool.query<{ id: string; before: string }>(sql, [ids]);
      const held = new Set(rows.filter(({ before }) => before === 'open').map(({ id }) => id));
      expect(ids.map((id) => held.has(id))).toEqual(ids.map((_, index) => isHeld(messages, index)));
    }),
    { numRuns: 60 },
  );
});

/** Creates a rule that never fires by itself, with an action to the target. */
const ruleWith = (target: string): Promise<string> =>
  tester.rule({
    name: 'R',
    conditions: [{ token: 'nobody', metric: 'price', operator: 'gt', threshold: 1 }],
    actions: [{ type: 'webhook', target }],
  });

const storm = (ruleId: string, target: string, isEnd: boolean, subjects: readonly object[]) => {
  const explanation = { state: isEnd ? 'resolved' : 'fired', alerts: subjects.map((one) => ({ ruleId, ...one })) };
  return {
    channel: 'webhook' as const,
    target,
    type: 'alert.summary' as const,
    ruleIds: [ruleId],
    data: { ...ALERT, ruleId, explanation },
    collapseKey: randomUUID(),
  };
};

it('thousands of unfinished storms of one target do not hold up the messages of others', async () => {
  const target = await fixture.claim('webhook', 'http://127.0.0.1:9/storms');
  const ruleId = await ruleWith(target);
  const other = await fixture.claim('email', 'other@example.com');
  const subjects = Array.from({ length: 20 }, (_, n) => ({
    protocol: `p${n}`,
    chain: 'ethereum',
    value: 1,
    text: 'x'.repeat(300),
  }));
  const ids: string[] = [];
  for (let batch = 0; batch < 10; batch++)
    ids.push(
      ...(await fixture.record(Array.from({ length: 500 }, (_, n) => storm(ruleId, target, n % 2 === 1, subjects)))),
    );
  const [alert = ''] = await fixture.record([{ channel: 'email', target: other, type: 'test' }]);
  const claims = fixture.app.nest.get(DeliveryClaims);
  const startedAt = performance.now();
  const storms = ids.slice(-249).map((id) => claims.claim(id, 'main'));
  await Promise.all([...storms, claims.claim(alert, 'main')]);
  const ms = performance.now() - startedAt;
  // It takes 0.2 s; compared pair by pair, it took 7 s.
  expect(ms).toBeLessThan(2_500);
});

it('a line of opposite storms is delivered in order, and each end makes few of the waiting ones due', async () => {
  const { pool } = fixture.app.db;
  const target = await fixture.claim('webhook', 'http://127.0.0.1:9/line');
  const ruleId = await ruleWith(target);
  const subjects = [{ protocol: 'a' }, { protocol: 'b' }];
  const ids = await fixture.record(
    Array.from({ length: 40 }, (_, n) =>
      storm(ruleId, target, n % 2 === 1, n % 3 === 0 ? subjects : subjects.slice(n % 2)),
    ),
  );
  const [claims, results] = [fixture.app.nest.get(DeliveryClaims), fixture.app.nest.get(DeliveryResults)];
  // Alternating ends: each waits for the one before.
  await Promise.all(ids.slice(1).map((id) => claims.claim(id, 'main')));
  const delivered: string[] = [];
  let claimed = 0;
  for (let due = ids.slice(0, 1); due.length > 0;) {
    const claim = await Promise.all(due.map((id) => claims.claim(id, 'main')));
    claimed += due.length;
    for (const delivery of claim)
      if (typeof delivery !== 'string') {
        delivered.push(delivery.id);
        await results.record({ delivery, outcome: { result: 'delivered' }, durationMs: 1 });
      }
    const { rows } = await pool.query<{ id: string }>(
      `SELECT id FROM deliveries WHERE id = ANY($1) AND state IN ('pending', 'retrying') AND next_attempt_at <= now()
       ORDER BY position`,
      [ids],
    );
    due = rows.map(({ id }) => id);
  }
  expect(delivered).toEqual(ids);
  expect(claimed).toBeLessThan(3 * ids.length);
});
