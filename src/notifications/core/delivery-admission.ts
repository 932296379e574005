import { breakerState } from './breaker.js';
import { CHANNELS, type Channel } from './channels/catalogue.js';
import type { MessageType, SystemType } from './delivery.js';
import { digestTime } from './send-time.js';
import type { Wanted } from './still-wanted.js';

/** Facts that determine whether a due delivery may be sent. Times are Unix ms. */
export interface Candidate {
  type: MessageType | SystemType;
  channel: Channel;
  digest: boolean;
  expiresAt: number;
  target: { status: 'pending' | 'active' | 'disabled'; reason: string | null; openUntil: number | null } | undefined;
  /** Number of earlier attempts to the target within the period of the channel's limit. */
  recent: number;
  /** Number of the user's attempts in the last minute; `toHost`: those to the same host. */
  ofUser: number;
  toHost: number;
  /** Whether the delivery's rules and user still want it, and want it now. */
  wanted: Wanted;
}

export interface DeliveryLimits {
  /** Maximum number of messages per minute to one webhook endpoint or device; 0: no limit. */
  webhookRate: number;
  /** Maximum number of webhooks and pushes per minute of one user to one host; 0: no limit. */
  hostRate: number;
  /** Maximum number of messages per minute of one user over all channels; 0: no limit. */
  userRate: number;
  /** Maximum number of mails per day to one address; 0: no limit. */
  mailDaily: number;
}

export type DeliveryAdmission =
  | { action: 'send'; digest: boolean }
  | { action: 'probe' }
  | { action: 'finish'; state: 'expired' | 'suppressed' | 'superseded'; reason: string }
  /** Deferral; `slow`: the endpoint has just begun to recover, and its deliveries take the slow lane. */
  | { action: 'defer'; until: number; reason: string; digest?: boolean; slow?: true; extends?: true };

const MINUTE_MS = 60_000;
const PROOFS: readonly string[] = ['endpoint.verify', 'target.confirm'];

export function admit(
  candidate: Candidate,
  limits: DeliveryLimits,
  lane: 'main' | 'slow',
  now: number,
): DeliveryAdmission {
  const { type, target, expiresAt, wanted } = candidate;
  if (target === undefined) return { action: 'finish', state: 'suppressed', reason: 'unknown_target' };
  if (target.status === 'disabled') {
    const reason = target.reason === 'bounced' ? 'bounced' : 'target_disabled';
    return { action: 'finish', state: 'suppressed', reason };
  }
  if (wanted.action === 'finish') return wanted;
  if (expiresAt <= now) return { action: 'finish', state: 'expired', reason: 'expired' };
  if (PROOFS.includes(type)) return { action: 'send', digest: false };
  if (target.status === 'pending') return { action: 'defer', until: expiresAt, reason: 'target_unverified' };
  // `extends`: a message held back by quiet hours must not expire meanwhile, so its expiry is postponed, too.
  if (wanted.action === 'defer') return { ...wanted, extends: true };
  const state = breakerState(target, now);
  if (state === 'open') return { action: 'defer', until: target.openUntil ?? now, reason: 'endpoint_failing' };
  if (state === 'half-open') {
    return lane === 'slow'
      ? { action: 'probe' }
      : { action: 'defer', until: now, reason: 'endpoint_failing', slow: true };
  }
  // The limits do not apply to this service's own messages, of which there are few.
  if (type.startsWith('endpoint.') || type === 'account.budget') return { action: 'send', digest: wanted.digest };
  return overRate({ ...candidate, digest: wanted.digest }, limits, now) ?? wanted;
}

function overRate(candidate: Candidate, limits: DeliveryLimits, now: number): DeliveryAdmission | undefined {
  const { channel, recent, digest, ofUser, toHost } = candidate;
  const until = now + MINUTE_MS / 4;
  const over = (used: number, limit: number): boolean => limit > 0 && used >= limit;
  if (over(ofUser, limits.userRate)) return { action: 'defer', until, reason: 'user_rate' };
  const { setting, reason, sendsTogether, limitsHosts } = CHANNELS[channel].limits;
  if (over(recent, limits[setting])) {
    if (!sendsTogether) return { action: 'defer', until, reason };
    // Mails over the limit are collected and sent as one mail per hour.
    const hour = digestTime({ every: 'hour', timezone: 'utc' }, new Date(now)).getTime();
    if (!digest) return { action: 'defer', until: hour, reason, digest: true };
  }
  return limitsHosts && over(toHost, limits.hostRate) ? { action: 'defer', until, reason: 'host_rate' } : undefined;
}
