import { DateTime, IANAZone } from 'luxon';
import { CHANNELS, type Channel } from './channels/catalogue.js';
import type { NewDelivery, Priority } from './delivery.js';
import { DIGEST_TIME, type Digest, type UserPreferences } from './preferences.js';
import { afterQuietHours, clockChange } from './quiet-hours.js';

/** Time of sending, as members of a new delivery; without members: immediately. */
type SendTime = Pick<NewDelivery, 'notBefore' | 'digest' | 'suppressed'>;

/**
 * Returns the time of sending for a message that is decided at `at`, by preferences (from `preferencesFor`). Pure, so
 * that a backtest plans the messages that would have been sent. Critical messages bypass digests, and quiet hours that
 * permit it; no message bypasses a disabled channel.
 */
export function sendTime(preferences: UserPreferences, priority: Priority, at: Date, channel: Channel): SendTime {
  const { hasUnsubscribe, isCollected } = CHANNELS[channel];
  if (hasUnsubscribe && preferences.unsubscribed) return { suppressed: 'unsubscribed' };
  if (!preferences.channels[channel]) return { suppressed: 'channel_off' };
  const { quietHours, digest } = preferences;
  const collected = digest !== null && isCollected && (priority === 'low' || priority === 'normal');
  const earliest = collected ? digestTime(digest, at) : at;
  const passes = priority === 'critical' && quietHours?.allowCritical === true;
  const leaves = quietHours === null || passes ? earliest : afterQuietHours(quietHours, earliest);
  return { ...(leaves > at ? { notBefore: leaves } : {}), ...(collected ? { digest: true } : {}) };
}

/** Returns the next full hour, or the next time of the daily digest, after `at`. */
export function digestTime({ every, at: time = DIGEST_TIME, timezone }: Digest, at: Date): Date {
  const now = DateTime.fromJSDate(at, { zone: timezone });
  if (every === 'hour') {
    const next = now.startOf('minute').plus({ minutes: 60 - now.minute });
    // A clock change by half an hour, as on Lord Howe Island, moves the full hour.
    return next.plus({ minutes: (60 - next.minute) % 60 }).toJSDate();
  }
  const today = atTime(now, time);
  // Midnight first: a day later the present time may be skipped, which would give the day after.
  return (today > now ? today : atTime(now.startOf('day').plus({ days: 1 }), time)).toJSDate();
}

/** Longest time that a clock change skips (Troll in Antarctica: two hours), with some room, ms. */
const MAX_CLOCK_CHANGE_MS = 3 * 3_600_000;

/**
 * Returns a local time on the day of `day`. If a clock change skips the time, the result is the end of the skipped time;
 * if the time occurs twice, it is the first.
 */
function atTime(day: DateTime, time: string): DateTime {
  const [hour = 0, minute = 0] = time.split(':').map(Number);
  const found = day.set({ hour, minute, second: 0, millisecond: 0 });
  const wanted = hour * 60 + minute;
  const shown = found.hour * 60 + found.minute;
  if (shown !== wanted) {
    const change = clockChange(IANAZone.create(day.zoneName ?? 'utc'), +found - MAX_CLOCK_CHANGE_MS, +found);
    return change === undefined ? found : DateTime.fromMillis(change, { zone: day.zone });
  }
  return found.getPossibleOffsets()[0] ?? found;
}
