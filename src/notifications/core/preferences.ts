import { ofEachChannel, type Channel } from './channels/catalogue.js';

/** Days in the order of the week. */
export const DAYS = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const;
export type Day = (typeof DAYS)[number];

/** Quiet hours. Local times are `HH:MM`; an `end` before or equal to `start` is on the next day. */
export interface QuietHours {
  start: string;
  end: string;
  /** IANA name, for example `Europe/Berlin`. */
  timezone: string;
  /** Days on which the quiet hours start; absent: every day. */
  days?: readonly Day[];
  /** Whether critical messages are sent immediately. */
  allowCritical: boolean;
}

/** Quiet hours of a rule that has none, whatever the quiet hours of its user. */
export const NEVER_QUIET = 'never';
/** Quiet hours of a rule: its own, `never`, or null for those of its user. */
export type RuleQuietHours = QuietHours | typeof NEVER_QUIET | null;

export interface Digest {
  every: 'hour' | 'day';
  /** Local time of a daily digest, `HH:MM`; absent for an hourly one. */
  at?: string;
  timezone: string;
}

export interface UserPreferences {
  channels: Record<Channel, boolean>;
  quietHours: QuietHours | null;
  /** Digest that collects mails of low and normal priority. */
  digest: Digest | null;
  /** Whether no alert mail is sent. */
  unsubscribed: boolean;
}

export const DEFAULT_PREFERENCES: UserPreferences = {
  channels: ofEachChannel(() => true),
  quietHours: null,
  digest: null,
  unsubscribed: false,
};

/** Returns the preferences that apply to the messages of a rule. */
export function preferencesFor(
  { quietHours }: { readonly quietHours?: RuleQuietHours },
  preferences: UserPreferences,
): UserPreferences {
  if (quietHours === undefined || quietHours === null) return preferences;
  return { ...preferences, quietHours: quietHours === NEVER_QUIET ? null : quietHours };
}

/** Returns the stored preferences, completed with the defaults. */
export function completePreferences(stored: Partial<UserPreferences>): UserPreferences {
  return {
    ...DEFAULT_PREFERENCES,
    ...stored,
    channels: { ...DEFAULT_PREFERENCES.channels, ...stored.channels },
    digest: stored.digest ? withTime(stored.digest, false) : null,
  };
}

/** Preferences to change; absent members keep their values. */
export interface PreferencesChange {
  channels?: Partial<Record<Channel, boolean>>;
  quietHours?: Partial<QuietHours> | null;
  digest?: Partial<Digest> | null;
  unsubscribed?: boolean;
}

/**
 * Returns the preferences after a change. Members of new quiet hours or of a new digest that are required but not given
 * are empty, and the validation that follows reports them.
 */
export function mergePreferences(current: UserPreferences, changes: PreferencesChange): UserPreferences {
  const { channels, quietHours, digest, unsubscribed } = changes;
  return {
    channels: { ...current.channels, ...given(channels ?? {}) },
    quietHours: merged(current.quietHours, NO_QUIET_HOURS, quietHours),
    digest: mergedDigest(current.digest, digest),
    unsubscribed: unsubscribed ?? current.unsubscribed,
  };
}

const NO_QUIET_HOURS: QuietHours = { start: '', end: '', timezone: '', allowCritical: true };
const NO_DIGEST: Digest = { every: 'day', timezone: '' };
/** Default local time of a daily digest. */
export const DIGEST_TIME = '08:00';

function merged<T extends object>(current: T | null, empty: T, change: Partial<T> | null | undefined): T | null {
  if (change === undefined) return current;
  return change === null ? null : { ...(current ?? empty), ...given(change) };
}

function mergedDigest(current: Digest | null, change: Partial<Digest> | null | undefined): Digest | null {
  const digest = merged(current, NO_DIGEST, change);
  return digest && withTime(digest, typeof change?.at === 'string');
}

/** Returns a digest with the time that it needs. `keeps`: an unneeded time is kept, so that the validation reports it. */
function withTime({ at, ...digest }: Digest, keeps: boolean): Digest {
  if (digest.every === 'day') return { ...digest, at: at ?? DIGEST_TIME };
  return keeps && at !== undefined ? { ...digest, at } : digest;
}

/** Returns the members that the client sent: a DTO also has the others, with the value undefined. */
function given<T extends object>(change: T): T {
  return Object.fromEntries(Object.entries(change).filter(([, value]) => value !== undefined)) as T;
}
