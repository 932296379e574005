import { describe, expect, it } from 'vitest';
import { admit, type Candidate } from './delivery-admission.js';
import { afterAttempt, breakerState, HEALTHY, PROBE_LEASE_MS } from './breaker.js';
import { parseRetryAfter, retryWait } from './retry-schedule.js';
import { verdict } from './verdict.js';

const MINUTE = 60_000;
const waits = (channel: 'webhook' | 'email' | 'push') =>
  Array.from({ length: 10 }, (_, index) => retryWait(channel, index + 1, 0, () => 0.5));

describe('the retry schedule of a delivery', () => {
  it('has fixed waits per channel and ends after the last wait', () => {
    expect(waits('webhook')).toEqual([5_000, 60_000, 300_000, 1.8e6, 7.2e6, 1.8e7, 3.6e7, 3.6e7, undefined, undefined]);
    expect(waits('email').slice(0, 6)).toEqual([60_000, 300_000, 900_000, 3.6e6, 1.44e7, undefined]);
    expect(waits('push').slice(0, 5)).toEqual([10_000, 60_000, 300_000, 900_000, undefined]);
  });

  it('varies each wait by up to 20 % in both directions', () => {
    expect(retryWait('webhook', 2, 0, () => 0)).toBe(48_000);
    expect(retryWait('webhook', 2, 0, () => 0.999_999)).toBe(72_000);
  });

  it('follows `Retry-After` up to one hour, but never waits less than the scheduled wait', () => {
    expect(retryWait('webhook', 1, 90_000, () => 0.5)).toBe(90_000);
    expect(retryWait('webhook', 1, 1e9, () => 0.5)).toBe(3_600_000);
    expect(retryWait('webhook', 4, 1_000, () => 0.5)).toBe(1.8e6);
  });

  it('parses `Retry-After` as seconds or as a date', () => {
    const now = Date.parse('2026-11-20T10:00:00Z');
    expect(parseRetryAfter('120', now)).toBe(120_000);
    expect(parseRetryAfter('Fri, 20 Nov 2026 10:01:00 GMT', now)).toBe(MINUTE);
    expect(parseRetryAfter('Fri, 20 Nov 2026 09:00:00 GMT', now)).toBe(0);
    expect(parseRetryAfter('soon', now)).toBeUndefined();
    expect(parseRetryAfter(undefined, now)).toBeUndefined();
  });

  it('ends when the message expires, is rejected or has no attempts left', () => {
    const delivery = { channel: 'webhook' as const, tries: 3, expiresAt: 100_000 };
    expect(verdict(delivery, { result: 'failed', detail: 'answered 500' }, 0).state).toBe('expired');
    expect(verdict({ ...delivery, tries: 1 }, { result: 'failed' }, 0)).toMatchObject({
      state: 'retrying',
      reason: 'failed',
    });
    expect(verdict({ ...delivery, tries: 9 }, { result: 'failed' }, 0).state).toBe('dead');
    expect(verdict(delivery, { result: 'rejected', detail: 'no' }, 0)).toEqual({
      state: 'dead',
      nextAttemptAt: null,
      reason: 'no',
    });
    expect(verdict(delivery, { result: 'delivered' }, 0).state).toBe('delivered');
  });
});

describe('the circuit breaker of an endpoint', () => {
  const fail = (times: number, from = HEALTHY, at = 0) =>
    Array.from({ length: times }).reduce<typeof HEALTHY>((health) => afterAttempt(health, false, at), from);

  it('opens for 30 seconds after five consecutive failures', () => {
    expect(breakerState(fail(4), 0)).toBe('closed');
    const open = fail(5);
    expect(open).toMatchObject({ openUntil: 30_000, trips: 1, failures: 5, firstFailureAt: 0 });
    expect(breakerState(open, 29_999)).toBe('open');
    expect(breakerState(open, 30_000)).toBe('half-open');
  });

  it('doubles its pause after each failed probe, up to one hour', () => {
    let health = fail(5);
    const pauses: number[] = [];
    for (let n = 0; n < 9; n++) {
      const now = health.openUntil ?? 0;
      health = afterAttempt(health, false, now);
      pauses.push((health.openUntil ?? 0) - now);
    }
    expect(pauses).toEqual([60, 120, 240, 480, 960, 1_920, 3_600, 3_600, 3_600].map((seconds) => seconds * 1_000));
  });

  it('keeps its pause when attempts that began before the pause fail', () => {
    const open = fail(5, HEALTHY, 10_000);
    const stragglers = Array.from({ length: 95 }).reduce<typeof HEALTHY>(
      (health) => afterAttempt(health, false, 12_000, 9_000),
      open,
    );
    expect(stragglers).toMatchObject({ openUntil: 40_000, trips: 1, failures: 100 });
    // A probe blocks other attempts. An attempt that began before it does not end the probe; only the probe's own failure
    // does.
    const probing = { ...stragglers, openUntil: 40_000 + PROBE_LEASE_MS };
    expect(afterAttempt(probing, false, 41_000, 9_500)).toMatchObject({ openUntil: 60_000, trips: 1 });
    expect(afterAttempt(probing, false, 45_000, 40_000)).toMatchObject({ openUntil: 105_000, trips: 2 });
  });

  it('closes after the first success', () => {
    expect(afterAttempt(fail(5), true, 40_000)).toEqual(HEALTHY);
  });

  it('opens if half of ten calls within five minutes fail, and drops older results', () => {
    let health = HEALTHY;
    for (let n = 0; n < 9; n++) health = afterAttempt(health, n % 2 === 1, n);
    expect(breakerState(health, 10)).toBe('closed');
    expect(health).toMatchObject({ windowCalls: 9, windowFailures: 5 });
    expect(breakerState(afterAttempt(health, false, 10), 10)).toBe('open');
    expect(afterAttempt(health, false, 6 * MINUTE)).toMatchObject({
      windowCalls: 1,
      windowFailures: 1,
      openUntil: null,
    });
    expect(afterAttempt(health, true, 6 * MINUTE)).toEqual(HEALTHY);
  });
});

describe('the admission of a delivery', () => {
  const limits = { webhookRate: 60, hostRate: 120, userRate: 300, mailDaily: 100 };
  const base: Candidate = {
    type: 'alert.fired',
    channel: 'webhook',
    digest: false,
    expiresAt: 10 * MINUTE,
    target: { status: 'active', reason: null, openUntil: null },
    recent: 0,
    ofUser: 0,
    toHost: 0,
    wanted: { action: 'send', digest: false },
  };
  const decide = (changes: Partial<Candidate>, lane: 'main' | 'slow' = 'main', now = MINUTE) =>
    admit({ ...base, ...changes }, limits, lane, now);

  it('sends a due message', () => {
    expect(decide({})).toEqual({ action: 'send', digest: false });
  });

  it('stops expired messages and messages without an active target', () => {
    expect(decide({ expiresAt: MINUTE })).toMatchObject({ state: 'expired' });
    expect(decide({ target: undefined })).toMatchObject({ state: 'suppressed', reason: 'unknown_target' });
    const disabled = { status: 'disabled' as const, openUntil: null };
    expect(decide({ target: { ...disabled, reason: 'gone' } })).toMatchObject({ reason: 'target_disabled' });
    expect(decide({ target: { ...disabled, reason: 'bounced' } })).toMatchObject({ reason: 'bounced' });
  });

  it('checks whether a message is still wanted before it checks the target', () => {
    const wanted = { action: 'finish', state: 'suppressed', reason: 'deleted' } as const;
    expect(decide({ wanted, target: { status: 'pending', reason: null, openUntil: null } })).toEqual(wanted);
    expect(decide({ wanted, target: { status: 'active', reason: null, openUntil: 9 * MINUTE } })).toEqual(wanted);
    const night = { action: 'defer', until: 600 * MINUTE, reason: 'quiet_hours', digest: false } as const;
    expect(decide({ wanted: night })).toEqual({ ...night, extends: true });
  });

  it('defers messages to unverified targets, but sends the verification message', () => {
    const target = { status: 'pending' as const, reason: null, openUntil: null };
    expect(decide({ target })).toEqual({ action: 'defer', until: 10 * MINUTE, reason: 'target_unverified' });
    expect(decide({ target, type: 'endpoint.verify' })).toEqual({ action: 'send', digest: false });
  });

  it('defers messages to failing endpoints, which are probed only from the slow lane', () => {
    const at = (openUntil: number) => ({ target: { status: 'active' as const, reason: null, openUntil } });
    expect(decide(at(2 * MINUTE))).toMatchObject({ action: 'defer', until: 2 * MINUTE });
    expect(decide(at(1))).toMatchObject({ action: 'defer', slow: true });
    expect(decide(at(1), 'slow')).toEqual({ action: 'probe' });
  });

  it('defers messages over a rate limit, and collects mails over the daily limit in a digest', () => {
    expect(decide({ recent: 60 })).toMatchObject({ action: 'defer', reason: 'endpoint_rate' });
    expect(decide({ channel: 'email', recent: 100 })).toEqual({
      action: 'defer',
      until: 60 * MINUTE,
      reason: 'mail_daily',
      digest: true,
    });
    const wanted = { action: 'send', digest: true } as const;
    expect(decide({ channel: 'email', recent: 100, wanted })).toEqual(wanted);
    for (const channel of ['webhook', 'push'] as const) {
      expect(decide({ channel, recent: 60 })).toMatchObject({ reason: 'endpoint_rate' });
      expect(decide({ channel, toHost: 120 })).toMatchObject({ reason: 'host_rate' });
      expect(decide({ channel, ofUser: 300 })).toMatchObject({ reason: 'user_rate' });
    }
    expect(decide({ channel: 'email', ofUser: 300 })).toMatchObject({ reason: 'user_rate' });
    const none = { webhookRate: 0, hostRate: 0, userRate: 0, mailDaily: 0 };
    const unlimited = admit({ ...base, recent: 1e6, ofUser: 1e6, toHost: 1e6 }, none, 'main', 0);
    expect(unlimited).toMatchObject({ action: 'send' });
  });
});
