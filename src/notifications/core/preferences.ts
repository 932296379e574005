import type { Channel } from './delivery.js';

/** Local times are `HH:MM`; `end` before `start` spans midnight. */
export interface QuietHours {
  start: string;
  end: string;
  /** IANA name, e.g. `Europe/Berlin`. */
  timezone: string;
  /** Critical messages leave at once all the same. */
  allowCritical: boolean;
}

export interface Digest {
  every: 'hour' | 'day';
  /** Local time of the daily digest, `HH:MM`. */
  at: string;
  timezone: string;
}

export interface UserPreferences {
  channels: Record<Channel, boolean>;
  quietHours: QuietHours | null;
  /** Mails of low and normal priority wait for it. */
  digest: Digest | null;
  /** No alert mail at all. */
  unsubscribed: boolean;
}

export const DEFAULT_PREFERENCES: UserPreferences = {
  channels: { email: true, webhook: true, push: true },
  quietHours: null,
  digest: null,
  unsubscribed: false,
};

/** What was stored, with the default of what was not. */
export function completePreferences(stored: Partial<UserPreferences>): UserPreferences {
  return {
    ...DEFAULT_PREFERENCES,
    ...stored,
    channels: { ...DEFAULT_PREFERENCES.channels, ...stored.channels },
  };
}

/** What of the preferences is to change: everything that is not named stays as it is. */
export interface PreferencesChange {
  channels?: Partial<Record<Channel, boolean>>;
  quietHours?: Partial<QuietHours> | null;
  digest?: Partial<Digest> | null;
  unsubscribed?: boolean;
}

/**
 * The preferences after a change. Of quiet hours or a digest that did not exist before, what is needed and not named stays
 * empty: whoever checks them finds it.
 */
export function mergePreferences(current: UserPreferences, changes: PreferencesChange): UserPreferences {
  const { channels, quietHours, digest, unsubscribed } = changes;
  return {
    channels: { ...current.channels, ...given(channels ?? {}) },
    quietHours: merged(current.quietHours, NO_QUIET_HOURS, quietHours),
    digest: merged(current.digest, NO_DIGEST, digest),
    unsubscribed: unsubscribed ?? current.unsubscribed,
  };
}

const NO_QUIET_HOURS: QuietHours = { start: '', end: '', timezone: '', allowCritical: true };
const NO_DIGEST: Digest = { every: 'day', at: '08:00', timezone: '' };

function merged<T extends object>(current: T | null, empty: T, change: Partial<T> | null | undefined): T | null {
  if (change === undefined) return current;
  return change === null ? null : { ...(current ?? empty), ...given(change) };
}

/** A body's members that were not sent are there and undefined. */
function given<T extends object>(change: T): T {
  return Object.fromEntries(Object.entries(change).filter(([, value]) => value !== undefined)) as T;
}
