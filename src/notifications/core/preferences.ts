import type { Channel } from './delivery.js';

/** In the order of the week. */
export const DAYS = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const;
export type Day = (typeof DAYS)[number];

/** Local times are `HH:MM`; `end` before `start`, or equal to it, is the next day's. */
export interface QuietHours {
  start: string;
  end: string;
  /** IANA name, e.g. `Europe/Berlin`. */
  timezone: string;
  /** On which they start; absent: every day. */
  days?: readonly Day[];
  /** Critical messages leave at once all the same. */
  allowCritical: boolean;
}

/** Of a rule: never quiet, whatever its user wants. */
export const NEVER_QUIET = 'never';
/** Of a rule: its own, none, or (null) those of its user. */
export type RuleQuietHours = QuietHours | typeof NEVER_QUIET | null;

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

/** The preferences as they are for the messages of a rule. */
export function preferencesFor(
  { quietHours }: { readonly quietHours?: RuleQuietHours },
  preferences: UserPreferences,
): UserPreferences {
  if (quietHours === undefined || quietHours === null) return preferences;
  return { ...preferences, quietHours: quietHours === NEVER_QUIET ? null : quietHours };
}

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
