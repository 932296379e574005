import { breakerState } from './breaker.js';
import type { Channel, MessageType, SystemType } from './delivery.js';
import { digestTime } from './send-time.js';

/** What decides whether a delivery whose turn it is may leave. Times are Unix milliseconds. */
export interface Candidate {
  type: MessageType | SystemType;
  channel: Channel;
  digest: boolean;
  expiresAt: number;
  target: { status: 'pending' | 'active' | 'disabled'; openUntil: number | null } | undefined;
  /** Attempts to this target in the last minute (webhook) or day (email), this one not counted. */
  recent: number;
  /** A mail server has refused the address for good. */
  bounced: boolean;
}

export interface DeliveryLimits {
  /** Messages per minute to one webhook endpoint; 0: no limit. */
  webhookRate: number;
  /** Mails per day to one address; 0: no limit. */
  mailDaily: number;
}

export type Admission =
  | { action: 'send' | 'probe' }
  | { action: 'finish'; state: 'expired' | 'suppressed'; reason: string }
  /** `slow`: an endpoint that is only just coming back takes the slow lane. */
  | { action: 'defer'; until: number; reason: string; digest?: true; slow?: true };

const MINUTE_MS = 60_000;
const PROOFS: readonly string[] = ['endpoint.verify', 'target.confirm'];

export function admit(candidate: Candidate, limits: DeliveryLimits, lane: 'main' | 'slow', now: number): Admission {
  const { type, channel, target, expiresAt } = candidate;
  if (expiresAt <= now) return { action: 'finish', state: 'expired', reason: 'expired' };
  if (target === undefined) return { action: 'finish', state: 'suppressed', reason: 'unknown_target' };
  if (target.status === 'disabled') return { action: 'finish', state: 'suppressed', reason: 'target_disabled' };
  if (channel === 'email' && candidate.bounced) return { action: 'finish', state: 'suppressed', reason: 'bounced' };
  if (PROOFS.includes(type)) return { action: 'send' };
  if (target.status === 'pending') return { action: 'defer', until: expiresAt, reason: 'target_unverified' };
  const state = breakerState(target, now);
  if (state === 'open') return { action: 'defer', until: target.openUntil ?? now, reason: 'endpoint_failing' };
  if (state === 'half-open') {
    return lane === 'slow'
      ? { action: 'probe' }
      : { action: 'defer', until: now, reason: 'endpoint_failing', slow: true };
  }
  // The product's own few messages are not what the limits are for.
  if (type.startsWith('endpoint.')) return { action: 'send' };
  return overRate(candidate, limits, now) ?? { action: 'send' };
}

function overRate({ channel, recent, digest }: Candidate, limits: DeliveryLimits, now: number): Admission | undefined {
  if (channel === 'webhook' && limits.webhookRate > 0 && recent >= limits.webhookRate) {
    return { action: 'defer', until: now + MINUTE_MS / 4, reason: 'endpoint_rate' };
  }
  // What is over the day's mails is not lost: it leaves with others in one mail an hour.
  if (channel === 'email' && limits.mailDaily > 0 && recent >= limits.mailDaily && !digest) {
    const until = digestTime({ every: 'hour', at: '00:00', timezone: 'utc' }, new Date(now)).getTime();
    return { action: 'defer', until, reason: 'mail_daily', digest: true };
  }
  return undefined;
}
