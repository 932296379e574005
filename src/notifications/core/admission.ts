import { breakerState } from './breaker.js';
import { CHANNELS, type Channel } from './channels/catalogue.js';
import type { MessageType, SystemType } from './delivery.js';
import { digestTime } from './send-time.js';
import type { Wanted } from './still-wanted.js';

/** Facts that decide whether a due delivery may be sent. Times are Unix ms. */
export interface Candidate {
  type: MessageType | SystemType;
  channel: Channel;
  digest: boolean;
  expiresAt: number;
  target: { status: 'pending' | 'active' | 'disabled'; reason: string | null; openUntil: number | null } | undefined;
  /** Attempts to this target within the time of its channel's limit, this one not counted. */
  recent: number;
  /** Attempts in the last minute of its user; `toHost`: those to the same host. */
  ofUser: number;
  toHost: number;
  /** Whether its rules and its user still want it, and want it now. */
  wanted: Wanted;
}

export interface DeliveryLimits {
  /** Messages per minute to one webhook endpoint, or one device; 0: no limit. */
  webhookRate: number;
  /** Webhooks and pushes per minute of one user to one host; 0: no limit. */
  hostRate: number;
  /** Messages per minute of one user over all channels; 0: no limit. */
  userRate: number;
  /** Mails per day to one address; 0: no limit. */
  mailDaily: number;
}

export type Admission =
  | { action: 'send'; digest: boolean }
  | { action: 'probe' }
  | { action: 'finish'; state: 'expired' | 'suppressed' | 'superseded'; reason: string }
  /** Deferral; `slow`: an endpoint that is only just recovering takes the slow lane. */
  | { action: 'defer'; until: number; reason: string; digest?: boolean; slow?: true; extends?: true };

const MINUTE_MS = 60_000;
const PROOFS: readonly string[] = ['endpoint.verify', 'target.confirm'];

export function admit(candidate: Candidate, limits: DeliveryLimits, lane: 'main' | 'slow', now: number): Admission {
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
  // A message held back for the night is not stale in the morning: its expiry moves.
  if (wanted.action === 'defer') return { ...wanted, extends: true };
  const state = breakerState(target, now);
  if (state === 'open') return { action: 'defer', until: target.openUntil ?? now, reason: 'endpoint_failing' };
  if (state === 'half-open') {
    return lane === 'slow'
      ? { action: 'probe' }
      : { action: 'defer', until: now, reason: 'endpoint_failing', slow: true };
  }
  // The limits are not meant for the product's own few messages.
  if (type.startsWith('endpoint.') || type === 'account.budget') return { action: 'send', digest: wanted.digest };
  return overRate({ ...candidate, digest: wanted.digest }, limits, now) ?? wanted;
}

function overRate(candidate: Candidate, limits: DeliveryLimits, now: number): Admission | undefined {
  const { channel, recent, digest, ofUser, toHost } = candidate;
  const until = now + MINUTE_MS / 4;
  const over = (used: number, limit: number): boolean => limit > 0 && used >= limit;
  if (over(ofUser, limits.userRate)) return { action: 'defer', until, reason: 'user_rate' };
  const { setting, reason, sendsTogether, limitsHosts } = CHANNELS[channel].limits;
  if (over(recent, limits[setting])) {
    if (!sendsTogether) return { action: 'defer', until, reason };
    // Not lost: sent together, one message an hour.
    const hour = digestTime({ every: 'hour', timezone: 'utc' }, new Date(now)).getTime();
    if (!digest) return { action: 'defer', until: hour, reason, digest: true };
  }
  return limitsHosts && over(toHost, limits.hostRate) ? { action: 'defer', until, reason: 'host_rate' } : undefined;
}
