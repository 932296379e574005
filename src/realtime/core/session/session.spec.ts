import { describe, expect, it } from 'vitest';
import { EPOCH } from '../../../../test/support/data/log-event.js';
import type { RecordingLink } from '../../../../test/support/servers/realtime-parts.js';
import { caller } from '../../../../test/support/servers/realtime-parts.js';
import { startHub } from '../../../../test/support/servers/realtime-hub.js';
import { formatCursor } from '../../../events/core/index.js';

describe('connections', () => {
  it('first receive id, position and limits, and then the position every 15 s', async () => {
    const { hub, log, open, pass } = startHub();
    log.append({});
    const { link, session } = open();
    expect(link.messages).toEqual([
      {
        name: 'connected',
        body: { connectionId: session.id, cursor: hub.cursor, limits: caller().limits, expiresInMs: null },
      },
    ]);
    log.append({}, {});
    pass(45_000);
    const heartbeats = link.named('heartbeat');
    expect(heartbeats).toHaveLength(3);
    expect(heartbeats[0]).toEqual({ cursor: formatCursor(EPOCH, 3), timestamp: expect.stringMatching(/^\d{4}-.*Z$/) });
    hub.stale = true;
    pass(15_000);
    expect(link.named('heartbeat')[3]).toMatchObject({ stale: true });
  });

  it('are switched to `latest` when reading too slowly, then closed; others are unaffected', async () => {
    const { hub, log, reports, open, pass } = startHub();
    const slow = open();
    const fast = open();
    for (const { subscribe } of [slow, fast]) await subscribe({ type: 'tvl_changes' });
    slow.link.buffered = 300_000;
    log.append({});
    pass(100);
    expect(slow.link.named('slow_consumer')).toEqual([{ mode: 'latest' }]);
    log.append({}, {});
    pass(5_000);
    expect(slow.link.seqs).toEqual([1]);
    pass(10_000);
    expect(slow.link.closed).toEqual({ reason: 'slow_consumer', cursor: formatCursor(EPOCH, 1) });
    expect(reports).toEqual(['latest', 'closed']);
    expect(fast.link.seqs).toEqual([1, 2, 3]);
    expect(hub.sessions.size).toBe(1);
    expect(hub.subscriptionCount).toBe(1);
  });

  it('stay open if the client catches up after the switch to `latest`, and get waiting events', async () => {
    const { log, open, pass } = startHub();
    const { link, session, subscribe } = open();
    await subscribe({ type: 'tvl_changes' });
    link.buffered = 300_000;
    log.append({});
    pass(200);
    log.append({}, {});
    link.buffered = 0;
    pass(20_000);
    expect(link.closed).toBeUndefined();
    expect(link.events).toMatchObject([{ seq: 1 }, { seq: 3, merged: 2 }]);
    expect(session.mode).toBe('latest');
  });

  it.each(['all', 'latest'] as const)(
    'are closed when too slow, even if the client requests mode %s again and again',
    async (mode) => {
      const { log, open, pass } = startHub();
      const { link, session, subscribe } = open();
      await subscribe({ type: 'tvl_changes' });
      link.buffered = 2_000_000;
      for (let second = 0; second < 30 && !session.ended; second++) {
        log.append({});
        pass(900);
        await session.updateFilters({}, undefined, { mode }).catch(() => {});
      }
      expect(link.closed?.reason).toBe('slow_consumer');
    },
  );

  it('are closed within 2 s when their unread bytes exceed the maximum', async () => {
    const { log, open, pass } = startHub();
    const { link, subscribe } = open();
    await subscribe({ type: 'tvl_changes' });
    link.buffered = 2_000_000;
    log.append({});
    pass(2_000);
    expect(link.closed?.reason).toBe('slow_consumer');
  });

  it('are closed when their token or key ends, but never for being silent', async () => {
    const { hub, clock, open, pass } = startHub();
    const expiring = open(caller({ keyId: 'jwt:1', endsAt: clock.now + 5_000 }));
    const revoked = open(caller({ keyId: 'k2' }));
    const silent = open(caller({ keyId: 'k3' }));
    const subscribed = open(caller({ keyId: 'k4' }));
    await subscribed.subscribe({ type: 'tvl_changes' });
    pass(4_900);
    expect(expiring.link.closed).toBeUndefined();
    pass(200);
    expect(expiring.link.closed?.reason).toBe('expired');
    expect(hub.endKey('k2', 'revoked', 'revoked')).toBe(1);
    expect(revoked.link.closed?.reason).toBe('revoked');
    pass(700_000);
    expect(silent.link.closed).toBeUndefined();
    expect(subscribed.link.closed).toBeUndefined();
    await expect(revoked.subscribe({ type: 'tvl_changes' })).rejects.toMatchObject({ code: 'unavailable' });
  });

  it('continue after a renewed token, and are greeted again with the new expiry', async () => {
    const { hub, clock, open, pass } = startHub();
    const { link, session } = open(caller({ keyId: 'jwt:1', endsAt: clock.now + 5_000 }));
    expect(link.named('connected').at(-1)).toMatchObject({ expiresInMs: 5_000 });
    session.changeCaller(caller({ keyId: 'jwt:1', tier: 'pro', endsAt: clock.now + 60_000 }));
    expect(link.named('connected').at(-1)).toMatchObject({ connectionId: session.id, expiresInMs: 60_000 });
    pass(59_000);
    expect(link.closed).toBeUndefined();
    hub.changeKey('jwt:1', caller({ keyId: 'jwt:1', transports: ['rest'] }));
    expect(link.closed?.reason).toBe('forbidden');
  });

  it('lose subscriptions that their key no longer allows, each with an error message', async () => {
    const { hub, log, open } = startHub();
    const { link, session, subscribe } = open(caller({ role: 'admin' }));
    await subscribe([{ type: 'tvl_changes' }, { type: 'price_changes' }, { type: 'alerts', all: true }]);
    hub.changeKey('key-1', caller({ role: 'reader', subscriptionTypes: ['tvl_changes'] }));
    expect(session.list().map(({ type }) => type)).toEqual(['tvl_changes']);
    const refused = link.named('error').map(({ code, subscriptionId }) => ({ code, subscriptionId }));
    expect(refused).toEqual(['s2', 's3'].map((subscriptionId) => ({ code: 'forbidden', subscriptionId })));
    log.append({ type: 'alert', owner: 'somebody else', data: {} }, {});
    expect(link.seqs).toEqual([2]);
  });

  it.each([-3_600_000, 3_600_000])('get `latest` events on time even if the clock changes by %d ms', async (step) => {
    const clock = { now: 1_000_000, elapsed: 0 };
    const { hub, log, open } = startHub({ now: () => clock.now, elapsed: () => clock.elapsed });
    const { link, subscribe } = open();
    await subscribe({ type: 'tvl_changes', mode: 'latest', intervalMs: 1_000 });
    log.append({}, {});
    clock.now += step;
    hub.tick((clock.elapsed += 900));
    expect(link.seqs).toEqual([]);
    hub.tick((clock.elapsed += 200));
    expect(link.seqs).toEqual([2]);
    expect(link.closed).toBeUndefined();
  });

  it('receive announcements to all, to their user or to their room', async () => {
    const { hub, open } = startHub();
    const [a, b, c] = [
      open(caller({ userId: 'a' })),
      open(caller({ userId: 'b' })),
      open(caller({ userId: 'b' })),
    ] as const;
    await a.subscribe({ type: 'protocol', protocol: 'lido', chain: 'ethereum' });
    await b.subscribe({ type: 'channel', channel: 'events:tvl' });
    expect(hub.announce({ to: 'everyone' }, 'hello')).toBe(3);
    expect(hub.announce({ to: 'user', userId: 'b' }, 'hello b')).toBe(2);
    expect(hub.announce({ to: 'room', room: 'protocol:lido' }, 'lido')).toBe(1);
    expect(hub.announce({ to: 'room', room: 'protocol:lido:ethereum' }, 'lido on ethereum')).toBe(1);
    expect(hub.announce({ to: 'room', room: 'events:tvl' }, 'tvl')).toBe(1);
    expect(hub.announce({ to: 'room', room: 'nowhere' }, 'nobody')).toBe(0);
    const heard = (link: RecordingLink) => link.named('system_announcement').map(({ message }) => message);
    expect(heard(a.link)).toEqual(['hello', 'lido', 'lido on ethereum']);
    expect(heard(b.link)).toEqual(['hello', 'hello b', 'tvl']);
    expect(heard(c.link)).toEqual(['hello', 'hello b']);
  });

  it('report user, key, transport and client metadata', () => {
    const { open } = startHub();
    expect(open().session.info()).toMatchObject({
      userId: 'user-1',
      keyId: 'key-1',
      transport: 'socketio',
      metadata: { userAgent: 'test', ipAddress: '127.0.0.1', region: null },
      subscriptions: 0,
    });
  });
});

it('a client that reads nothing is closed, even if its only subscription asked for a snapshot', async () => {
  const { open, pass } = startHub();
  const { link, subscribe } = open();
  link.buffered = 2_000_000;
  await subscribe({ type: 'tvl_changes', snapshot: true });
  pass(2_000);
  expect(link.closed?.reason).toBe('slow_consumer');
});
