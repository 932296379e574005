import { createECDH, randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { ChannelSenders } from '../../../src/notifications/channels/channel-senders.js';
import { answerOutcome, failureOutcome } from '../../../src/notifications/channels/http-outcome.js';
import { targetContext } from '../../../src/notifications/core/secret-contexts.js';
import type { Outcome } from '../../../src/notifications/core/outcome.js';
import { DeliveryClaims, type Claim } from '../../../src/notifications/deliveries/delivery-claims.js';
import { DeliveryResults } from '../../../src/notifications/deliveries/delivery-results.js';
import type { ClaimedDelivery } from '../../../src/notifications/core/delivery-row.js';
import { DeliveryWorker } from '../../../src/notifications/deliveries/delivery-worker.js';
import { Unanswered } from '../../../src/notifications/egress/guarded-client.js';
import { DueTargets } from '../../../src/notifications/deliveries/due-targets.js';
import { Sweeper } from '../../../src/notifications/deliveries/sweeper.js';
import { Clock } from '../../../src/platform/clock/clock.js';
import { Database } from '../../../src/platform/database/database.js';
import { SecretBox } from '../../../src/platform/secrets/secret-box.js';
import { BackgroundLoops } from '../../../src/platform/process/background-loops.js';
import { Settings } from '../../../src/platform/settings/settings.js';
import { NotificationFixture } from './notification-fixture.js';

let fixture: NotificationFixture;
let directory: string;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'claims-'));
  fixture = await NotificationFixture.start({ VERIFY_TARGETS: 'false', DATA_DIR: directory });
  // It would take a recorded message after some time: here, the tests claim.
  await fixture.app.nest.get(Sweeper).beforeApplicationShutdown();
});
afterAll(async () => {
  await fixture.close();
  rmSync(directory, { recursive: true, force: true });
});

/** Records messages without announcing them, so that only the test uses them. */
const recorded = (target: string, count: number, digest: boolean): Promise<string[]> =>
  fixture.record(Array.from({ length: count }, () => ({ channel: 'email' as const, target, digest })));
const claim = (id: string): Promise<Claim> => fixture.app.nest.get(DeliveryClaims).claim(id, 'main');
const change = (id: string, set: string): Promise<unknown> =>
  fixture.app.db.pool.query(`UPDATE deliveries SET ${set} WHERE id = $1`, [id]);

describe('a claim of a delivery', () => {
  it('is granted to one of several concurrent workers', async () => {
    const target = await fixture.claim('email', 'once@example.com');
    const [id = ''] = await recorded(target, 1, false);
    const claims = await Promise.all([claim(id), claim(id), claim(id)]);
    expect(claims.map((each) => (typeof each === 'string' ? each : each.id))).toEqual([id, 'done', 'done']);
    expect(await fixture.row(id)).toMatchObject({ state: 'sending', attempts: 1 });
  });

  it('expires only the expired message of a digest, and leaves the other messages claimable', async () => {
    const target = await fixture.claim('email', 'late@example.com');
    const [late = '', first = '', second = ''] = await recorded(target, 3, true);
    await change(late, `expires_at = now() - interval '1 second'`);
    expect(await claim(late)).toBe('done');
    expect(await fixture.row(late)).toMatchObject({ state: 'expired' });
    expect(await fixture.row(first)).toMatchObject({ state: 'pending', attempts: 0 });
    expect(await claim(first)).toMatchObject({ id: first, members: [{ id: second }] });
  });

  it('builds the same mail in event order, whichever message of a digest is claimed', async () => {
    const target = await fixture.claim('email', 'again@example.com');
    const ids = await recorded(target, 3, true);
    const [messageIds, orders]: [string[], string[]] = [[], []];
    for (const [n, id] of ids.entries()) await change(id, `data = jsonb_set(data, '{name}', '"number ${n}"')`);
    for (const asked of ids) {
      const claimed = await claim(asked);
      if (typeof claimed === 'string') throw new Error(`${asked}: ${claimed}`);
      await fixture.app.nest
        .get(ChannelSenders)
        .of('email')
        .send(claimed, () => undefined);
      const mail = readFileSync(join(directory, 'mail', `${asked}.eml`), 'utf8');
      messageIds.push(/^Message-ID: (.*)$/im.exec(mail)?.[1] ?? 'none');
      const text = mail.slice(mail.indexOf('text/plain'), mail.indexOf('text/html'));
      orders.push([...text.matchAll(/number (\d)/g)].map(([, n]) => n).join(''));
      for (const id of ids) await change(id, `state = 'retrying', next_attempt_at = now()`);
    }
    expect(new Set(messageIds).size).toBe(1);
    expect(orders).toEqual(['012', '012', '012']);
    await change(ids[2] ?? '', `state = 'delivered'`);
    const fewer = await claim(ids[0] ?? '');
    if (typeof fewer === 'string') throw new Error(fewer);
    await fixture.app.nest
      .get(ChannelSenders)
      .of('email')
      .send(fewer, () => undefined);
    // The digest that grew is a different mail, so a mailbox must not regard it as a repetition of the mail with three
    // messages.
    expect(readFileSync(join(directory, 'mail', `${ids[0]}.eml`), 'utf8')).not.toContain(messageIds[0]);
  });
});

describe('a process whose clock is ahead of that of the database', () => {
  it('sends a message at once, and retries it after the usual time', async () => {
    const target = await fixture.claim('email', 'ahead@example.com');
    const ahead = vi.spyOn(fixture.app.nest.get(Clock), 'now').mockImplementation(() => Date.now() + 1_800_000);
    try {
      const [id = ''] = await fixture.record([{ channel: 'email', target }]);
      const delivery = await claim(id);
      if (typeof delivery === 'string') throw new Error(delivery);
      await fixture.app.nest.get(DeliveryResults).record({ delivery, outcome: { result: 'failed' }, durationMs: 1 });
      const { state, next_attempt_at: next } = await fixture.row(id);
      expect(state).toBe('retrying');
      expect(next.getTime() - Date.now()).toBeLessThan(75_000);
    } finally {
      ahead.mockRestore();
    }
  });
});

describe('a failed attempt of a delivery', () => {
  it('is not retried when a newer message with the same collapse key was delivered', async () => {
    const target = await fixture.claim('email', 'news@example.com');
    const message = { channel: 'email' as const, target, collapseKey: 'rule:instance' };
    const [old = ''] = await fixture.record([message]);
    const delivery = await claim(old);
    if (typeof delivery === 'string') throw new Error(delivery);
    const newer = await fixture.send('email', target, message);
    await fixture.until(newer, 'delivered');
    await fixture.app.nest.get(DeliveryResults).record({ delivery, outcome: { result: 'failed' }, durationMs: 1 });
    expect(await fixture.row(old)).toMatchObject({ state: 'superseded', reason: newer });
  });

  it('is superseded after a worker crash by a newer firing, but not by a waiting resolution', async () => {
    const { nest } = fixture.app;
    const interrupt = (id: string): Promise<void> =>
      nest.get(Database).transaction((tx) => nest.get(DeliveryResults).interrupt(tx, [id]));
    const target = await fixture.claim('email', 'ended@example.com');
    const message = { channel: 'email' as const, target, collapseKey: 'rule:ended' };
    const [old = ''] = await fixture.record([message]);
    await claim(old);
    const [resolved = ''] = await fixture.record([{ ...message, type: 'alert.resolved' as const }]);
    await interrupt(old);
    expect(await fixture.row(old)).toMatchObject({ state: 'retrying', reason: 'interrupted' });
    await claim(old);
    const newer = await fixture.send('email', target, message);
    await change(resolved, `state = 'superseded'`);
    await fixture.hurry(newer);
    await fixture.until(newer, 'delivered');
    await interrupt(old);
    expect(await fixture.row(old)).toMatchObject({ state: 'superseded', reason: newer });
  });

  const gateway = (status: number): Outcome => answerOutcome({ status, headers: {}, head: '' }, 0);
  const error = (name: string, code?: string): Error => Object.assign(new Error('failed'), { name, code });
  it.each([
    ['after a timeout', failureOutcome(error('TimeoutError')), 'delivered'],
    ['after a broken connection', failureOutcome(new Unanswered(error('Error', 'ECONNRESET'))), 'delivered'],
    ['after a 504 of a gateway', gateway(504), 'delivered'],
    ['after a failed handshake', failureOutcome(error('Error', 'ECONNRESET')), 'suppressed'],
    ['after a refused connection', failureOutcome(error('Error', 'ECONNREFUSED')), 'suppressed'],
    ['after a 500 of the receiver', gateway(500), 'suppressed'],
  ])('is followed by a resolution only if the message may have arrived: %s', async (what, outcome, state) => {
    const target = await fixture.claim('email', `${state}${what.length}@example.com`);
    const message = { channel: 'email' as const, target, collapseKey: 'rule:perhaps' };
    const [fired = ''] = await fixture.record([message]);
    const delivery = await claim(fired);
    if (typeof delivery === 'string') throw new Error(delivery);
    await fixture.app.nest.get(DeliveryResults).record({ delivery, outcome, durationMs: 1 });
    const resolved = await fixture.send('email', target, { ...message, type: 'alert.resolved' });
    await fixture.until(resolved, state);
    expect(await fixture.row(fired)).toMatchObject({ state: 'superseded' });
  });

  it('is superseded by a newer message when given back without sending', async () => {
    const target = await fixture.claim('email', 'held@example.com');
    const message = { channel: 'email' as const, target, collapseKey: 'rule:held' };
    const [old = ''] = await fixture.record([message]);
    const delivery = await claim(old);
    if (typeof delivery === 'string') throw new Error(delivery);
    const newer = await fixture.send('email', target, message);
    await fixture.until(newer, 'delivered');
    await fixture.app.nest.get(DeliveryResults).giveBack(delivery);
    expect(await fixture.row(old)).toMatchObject({ state: 'superseded', reason: newer });
  });

  it('is retried for all messages of a digest at the same time', async () => {
    const target = await fixture.claim('email', 'together@example.com');
    const ids = await recorded(target, 5, true);
    const delivery = await claim(ids[0] ?? '');
    if (typeof delivery === 'string') throw new Error(delivery);
    await fixture.app.nest.get(DeliveryResults).record({ delivery, outcome: { result: 'failed' }, durationMs: 1 });
    const { rows } = await fixture.app.db.pool.query(
      'SELECT state, count(*)::int AS messages FROM deliveries WHERE id = ANY($1) GROUP BY state, next_attempt_at',
      [ids],
    );
    expect(rows).toEqual([{ state: 'retrying', messages: 5 }]);
  });
});

describe('the sweeper of a starting process', () => {
  it('resends orphaned deliveries, but no delivery that the process itself is sending', async () => {
    const { nest } = fixture.app;
    const [results, due, worker] = [nest.get(DeliveryResults), nest.get(DueTargets), nest.get(DeliveryWorker)];
    const sweeper = new Sweeper(
      nest.get(Database),
      results,
      due,
      worker,
      nest.get(Settings),
      nest.get(BackgroundLoops),
    );
    const target = await fixture.claim('email', 'early@example.com');
    const [orphan = '', own = ''] = await recorded(target, 2, false);
    await change(orphan, `state = 'sending', attempts = 1, started_at = now() - interval '5 seconds'`);
    await claim(own);
    sweeper.onApplicationBootstrap();
    await fixture.until(orphan, 'delivered');
    expect(await fixture.row(own)).toMatchObject({ state: 'sending', attempts: 1 });
    await sweeper.beforeApplicationShutdown();
  });
});

describe('results of deliveries', () => {
  it('cause no deadlock when written for the same targets in different orders', async () => {
    const results = fixture.app.nest.get(DeliveryResults);
    const claims: ClaimedDelivery[][] = [];
    for (let n = 0; n < 20; n++) {
      const target = await fixture.claim('push', `token-of-a-device-${n}:APA91bFxxxxxxxxxxxx`);
      const ids = await fixture.record([1, 2].map(() => ({ channel: 'push' as const, target })));
      const got = await Promise.all(ids.map(claim));
      claims.push(got.filter((each) => typeof each !== 'string'));
    }
    const record = (delivery: ClaimedDelivery): Promise<void> =>
      results.record({ delivery, outcome: { result: 'rejected', gone: 'token_gone' }, durationMs: 1 });
    const forth = claims.map(([first]) => record(first!));
    // The first batch has started; the second runs beside it in the opposite order.
    await setImmediate();
    const back = claims.toReversed().map(([, second]) => record(second!));
    await expect(Promise.all([...forth, ...back])).resolves.toHaveLength(40);
  });
});

describe('a push device', () => {
  it('keeps its target and replaces its keys when it registers again', async () => {
    const endpoint = 'http://127.0.0.1:9/device';
    const subscription = (): string => {
      const p256dh = createECDH('prime256v1').generateKeys('base64url');
      return JSON.stringify({ endpoint, keys: { p256dh, auth: randomBytes(16).toString('base64url') } });
    };
    const [former, latter] = [subscription(), subscription()];
    const known = await fixture.claim('push', former);
    expect(await fixture.claim('push', latter)).toBe(known);
    const { rows } = await fixture.app.db.pool.query(`SELECT id, sealed FROM notification_targets WHERE target = $1`, [
      known,
    ]);
    expect(rows).toHaveLength(1);
    const kept = fixture.app.nest.get(SecretBox).open(rows[0].sealed, targetContext(rows[0].id));
    expect(JSON.parse(kept)).toEqual(JSON.parse(latter));
  });
});
